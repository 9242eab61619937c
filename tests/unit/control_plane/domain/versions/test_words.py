"""A policy in one line for people, and as it is written in a file."""

import pytest

from control_plane.domain.versions.policy import Filter, Guards, Policy
from control_plane.domain.versions.words import policy_words
from control_plane.upstreams.policy_text import parse_policy, policy_text

EVERYTHING = Policy(
    dialect="docker",
    order="descending",
    digest=True,
    filter=Filter(include=("glob:3.*", "4.0"), exclude=("regexp:rc",), extract="regexp:^main-(?P<b>[0-9]+)$", to="$b"),
    guards=Guards(
        prereleases="never",
        variant=False,
        platforms=("linux/amd64", "linux/arm64"),
        minimum_age_seconds=3 * 86400.0,
        majors="ask",
        behind=1,
        notify_only=True,
    ),
)


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (None, "the same tag as the chart"),
        (Policy(), "any version"),
        (Policy(rule=">=2 <3"), ">=2 <3"),
        (Policy(dialect="pep440", rule=">=3.11"), "pep440 >=3.11"),
        (Policy(guards=Guards(minimum_age_seconds=86400.0)), "any version; seen at least 1 day ago"),
        (Policy(guards=Guards(minimum_age_seconds=5400.0)), "any version; seen at least 90 minutes ago"),
        (
            EVERYTHING,
            (
                "docker any version; only glob:3.* or 4.0; not regexp:rc; compares $b of regexp:^main-(?P<b>[0-9]+)$; the lowest first; "
                "seen at least 3 days ago; for linux/amd64 and linux/arm64; no pre-releases; of any variant; a person takes new majors; "
                "1 behind the newest; followed by digest; only notify"
            ),
        ),
    ],
)
def test_words(policy: Policy | None, words: str) -> None:
    assert policy_words(policy) == words


@pytest.mark.parametrize(
    "policy", [Policy(), Policy(rule="~2.1 || ^3"), Policy(dialect="docker", rule="*"), EVERYTHING]
)
def test_what_is_written_is_read_as_the_same(policy: Policy) -> None:
    assert parse_policy(policy_text(policy)) == policy


@pytest.mark.parametrize("text", ["*", ">=2", "1.2 - 1.4", '">=2 <3"'])
def test_a_range_is_a_policy(text: str) -> None:
    assert parse_policy(text).rule == text.strip('"')
