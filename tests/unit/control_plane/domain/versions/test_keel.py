"""Keel's policies: what Keel's own tests say, and what Tidegate makes of them relative to what is followed."""

from datetime import UTC, datetime
from typing import Literal

import pytest

from control_plane.domain.versions.dialects import keel
from control_plane.domain.versions.policy import Context, Guards, Policy, Reading, Tag
from control_plane.domain.versions.ranges import InvalidRange
from control_plane.domain.versions.selection import choose
from control_plane.domain.versions.semver import InvalidVersion

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("policy", "current", "candidate", "updates"),
    [
        ("all", "1.4.5", "1.4.3", False),
        ("all", "1.4.5", "1.4.6", True),
        ("all", "1.4.5", "1.4.5", False),
        ("all", "1.4.5", "1.4.6-xx", True),
        ("all", "latest", "1.0.0", True),
        ("major", "1.4.5", "1.5.5", True),
        ("major", "1.4.5", "2.4.5", True),
        ("patch", "1.4.5", "1.4.6", True),
        ("patch", "1.4.5", "1.4.4", False),
        ("patch", "1.4.5", "2.4.6", False),
        ("patch", "1.4", "1.4.6", True),
        ("patch", "1", "1.0.1", True),
        ("patch", "1.4", "1.5", False),
        ("minor", "1.4.5", "1.5.5", True),
        ("minor", "1.4.5", "1.4.6", True),
        ("minor", "1.4.5", "2.0.0", False),
        ("minor", "1.4.5", "1.4.5-xx", False),
        ("minor", "v1.0.0", "v1.0.1-metadata", False),
        ("minor", "v1.0.0-metadata", "v1.0.1-metadata", True),
        ("minor", "1.4.5-xx", "1.4.6-xx", True),
        ("minor", "1.4.5-xx", "1.4.6-yy", False),
        ("glob:latest", "latest", "latest", False),
        ("glob:latest", "latest", "earliest", False),
        ("glob:lat*", "latest", "latest", False),
        ("glob:latest.*", "latest.20241321", "latest.20251321", True),
        ("glob:latest.*", "latest.20251321", "latest.20241321", False),
        ("regexp:^b", "b2", "b1", True),
        ("regexp:^b", "b2", "c1", False),
    ],
)
def test_what_replaces_what_runs(policy: str, current: str, candidate: str, updates: bool) -> None:
    assert keel.parse_policy(policy).should_update(current, candidate) == updates


@pytest.mark.parametrize(
    ("match_tag", "current", "candidate", "updates"),
    [
        (False, "latest", "latest", True),
        (False, "latest", "main", True),
        (False, "latest", "1.2.3", True),
        (False, "7.9.1-1-ubi8", "8.0.0", True),
        (False, "7.9.1-1-ubi8", "3.0.0", False),
        (False, "7.9.1-1-ubi8", "7.9.1", True),
        (False, "8.1.0", "8.0.0", False),
        (False, "8.1.0", "8.1.0", True),
        (False, "1.2.3-4", "1.2.3-3", False),
        (False, "1.2.3-3", "1.2.3-4", True),
        (False, "1.0.0", "v1.0.0", False),
        (True, "latest", "latest", True),
        (True, "latest", "main", False),
        (True, "1.2.3", "1.2.4", False),
    ],
)
def test_force(match_tag: bool, current: str, candidate: str, updates: bool) -> None:
    assert keel.parse_policy("force", match_tag=match_tag).should_update(current, candidate) == updates


def test_pre_releases_need_not_match_where_one_says_so() -> None:
    policy = keel.parse_policy("patch", match_prerelease=False)
    assert policy.should_update("1.4.5-xx", "1.4.5-yy")
    assert not policy.should_update("1.4.5", "1.4.5-xx")


@pytest.mark.parametrize("candidate", ["3050", "latest", "1.x", ""])
def test_what_is_no_version_with_a_minor_is_refused(candidate: str) -> None:
    with pytest.raises(InvalidVersion):
        keel.parse_policy("all").should_update("1.4.5", candidate)


@pytest.mark.parametrize(
    ("policy", "tags", "ordered"),
    [
        ("force", "3.0.0 7.9.1-1-ubi8 8.0.0 latest 8.3.1", "8.3.1 8.0.0 7.9.1-1-ubi8 3.0.0 latest"),
        ("force", "latest main beta", "latest main beta"),
        ("force", "1.3 2.5 2.7 3.8", "3.8 2.7 2.5 1.3"),
        ("force", "v1.0.0 v1.2.0 v1.1.0", "v1.2.0 v1.1.0 v1.0.0"),
        ("force", "", ""),
        ("all", "1.3.0 aa1.0.0 zzz 1.3.0-dev 123 1.2.3-rc.1.2+meta", "1.3.0 1.3.0-dev 1.2.3-rc.1.2+meta"),
        ("glob:b*", "b1 a9 b2", "b2 b1"),
        ("regexp:^b-(?P<compare>[0-9]*)", "b- b-1", "b-1 b-"),
        ("regexp:^b-(?P<compare>[0-9]+)-", "b-1-z b-3-a b-2-k c-9-z", "b-3-a b-2-k b-1-z"),
    ],
)
def test_the_order(policy: str, tags: str, ordered: str) -> None:
    assert keel.parse_policy(policy).ordered(tags.split()) == ordered.split()


LINUXSERVER = "v0.1.2-ls1 v0.1.2-ls2 v0.1.3-ls1 v0.1.3-ls2 v0.2.0-ls2 v0.2.0-ls3"


@pytest.mark.parametrize(
    ("policy", "match", "current", "tags", "selected"),
    [
        ("major", False, "2.5", "1.3 2.5 2.7 3.8", "3.8"),
        ("minor", False, "2.5", "1.3 2.5 2.7 3.8", "2.7"),
        ("major", True, "1.1.0", "1.3.0-dev 1.5.0 1.8.0-alpha", "1.5.0"),
        ("major", True, "1.2.0-dev", "1.3.0-dev 1.5.0 1.8.0-alpha", "1.3.0-dev"),
        ("all", True, "1.6.0-alpha", "1.3.0-dev 1.5.0 1.8.0-alpha", "1.8.0-alpha"),
        ("minor", False, "v0.1.0-ls1", LINUXSERVER, "v0.2.0-ls3"),
        ("patch", False, "1.2.0", "1.3.0 1.5.0 2.0.0 1.2.1", "1.2.1"),
        ("glob:build-*", True, "1.0.0", "1.3.0-dev build-1694 build-1696 build-1695", "build-1696"),
        ("force", True, "8.3.1", "7.9.1-1-ubi8 8.0.0 8.3.1 latest", "8.3.1"),
        ("force", True, "7.9.1-1-ubi8", "3.0.0 5.0.0", "7.9.1-1-ubi8"),
    ],
)
def test_what_is_selected(policy: str, match: bool, current: str, tags: str, selected: str) -> None:
    assert keel.select(keel.parse_policy(policy, match_prerelease=match), current, tags.split()) == selected


POLICY, MATCH, TRIGGER = "keel.sh/policy", "keel.sh/matchPreRelease", "keel.sh/trigger"


@pytest.mark.parametrize(
    ("labels", "annotations", "policy"),
    [
        ({"foo": "bar"}, {POLICY: "all"}, ("all", True)),
        ({POLICY: "patch", MATCH: "false"}, {POLICY: "all"}, ("all", True)),
        ({POLICY: "minor", MATCH: "false"}, {"foo": "bar"}, ("minor", False)),
        ({}, {POLICY: "minor", MATCH: "no"}, ("minor", False)),
        ({POLICY: "minor", MATCH: "true"}, {}, ("minor", True)),
        ({"keel.observer/policy": "minor"}, {}, ("minor", True)),
        ({"foo": "bar"}, {}, None),
    ],
)
def test_metadata(labels: dict[str, str], annotations: dict[str, str], policy: tuple[str, bool] | None) -> None:
    assert keel.policy_of_metadata(labels, annotations) == policy


def test_triggers() -> None:
    assert keel.trigger_of_metadata({}, {}) == "webhook"
    assert keel.trigger_of_metadata({}, {TRIGGER: "sometimes"}) == "webhook"
    assert keel.trigger_of_metadata({TRIGGER: "poll"}, {}) == "poll"
    assert keel.trigger_of_metadata({TRIGGER: "poll"}, {TRIGGER: "webhook"}) == "webhook"


@pytest.mark.parametrize("rule", ["", "never", "Minor", "minor!", "1.x", "regexp:(", "regex:a"])
def test_what_is_no_policy_is_refused(rule: str) -> None:
    with pytest.raises(InvalidRange):
        keel.compile_policy(rule, current="")


def read(rule: str, current: str, text: str) -> Reading:
    return keel.compile_policy(rule, current=current).read(text, Tag(name=text))


@pytest.mark.parametrize(
    ("rule", "current", "tag", "refusal"),
    [
        ("minor", "1.4.0", "1.5.0", ""),
        ("minor", "1.4.0", "2.0.0", "another major than 1.4.0's, and the policy is minor"),
        ("patch", "1.4.0", "1.5.0", "another minor than 1.4.0's, and the policy is patch"),
        ("patch", "1.4.0", "1.4.0", ""),
        ("minor", "1.4.0", "1.5.0-rc.1", "another pre-release than 1.4.0's"),
        ("minor", "1.4.0-alpine", "1.5.0-alpine", ""),
        ("minor", "", "9.0.0", ""),
        ("minor", "latest", "9.0.0", ""),
        ("minor", "", "9.0.0-rc.1", "a pre-release, and the policy does not ask for them"),
        ("minor", "", "9.0.0-alpine", ""),
        ("all", "", "9.0.0-rc.1", ""),
        ("minor", "1.4.0", "15", "'15' is no version with major and minor"),
        ("glob:3.*", "", "4.1", "does not match glob:3.*"),
        ("regexp:^3", "", "3.1", ""),
        ("force", "2.0.0", "latest", ""),
    ],
)
def test_refusals(rule: str, current: str, tag: str, refusal: str) -> None:
    assert read(rule, current, tag).refusal == refusal


@pytest.mark.parametrize(
    ("tag", "prerelease", "family"),
    [
        ("1.0.0", False, ""),
        ("1.0.0-rc.1", True, ""),
        ("1.0.0-1", True, ""),
        ("1.0.0-alpine", False, "alpine"),
        ("7.9.1-1-ubi8", False, "ubi8"),
        ("1.0.0-rc1-alpine", True, "alpine"),
    ],
)
def test_a_variant_is_no_pre_release(tag: str, prerelease: bool, family: str) -> None:
    reading = read("all", "", tag)
    assert (reading.prerelease, reading.family) == (prerelease, family)


Asked = Literal["as-the-rule-says", "allowed", "never"]


@pytest.mark.parametrize(
    ("rule", "prereleases", "current", "tags", "chosen"),
    [
        ("minor", "as-the-rule-says", "1.4.0", "1.4.0 1.5.0-rc.1", "1.4.0"),
        ("minor", "allowed", "1.4.0", "1.4.0 1.5.0-rc.1 2.0.0", "1.5.0-rc.1"),
        ("all", "never", "1.4.0", "1.4.0 1.5.0-rc.1", "1.4.0"),
        ("force", "as-the-rule-says", "main", "latest main zeta", "main"),
        ("force", "as-the-rule-says", "main", "latest main 1.0.0", "1.0.0"),
        ("force", "as-the-rule-says", "8.1.0", "8.0.0 latest", None),
        ("glob:build-*", "as-the-rule-says", "v1.0.0", "v1.0.0 build-1 build-2", "build-2"),
        ("glob:build-*", "as-the-rule-says", "build-2", "build-1", None),
    ],
)
def test_chosen(rule: str, prereleases: Asked, current: str, tags: str, chosen: str | None) -> None:
    policy = Policy(dialect="keel", rule=rule, guards=Guards(prereleases=prereleases))
    choice = choose(policy, [Tag(name=tag) for tag in tags.split()], Context(now=NOW, current=current))
    assert (choice.tag if choice else None) == chosen
