"""Which tag is chosen, and that every other has a reason."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from control_plane.domain.versions import Choice, Context, InvalidRange, Policy, Tag, choose, explain
from control_plane.domain.versions.policy import Filter, Guards, Quarantine
from control_plane.domain.versions.selection import explain_names, lacking, needs_details, next_change, next_of, wanted

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TAGS = ["latest", "2.2.8", "v2.2.10", "2.2.9", "2.3.0-rc.1", "3.0.0", "1.9.9", "2.2", "sha-0a1b"]


def named(*names: str) -> list[Tag]:
    return [Tag(name=name) for name in names]


def policy(rule: str = "*", *, filter: dict[str, Any] | None = None, **more: Any) -> Policy:  # noqa: A002
    guards = {name: more.pop(name) for name in Guards.__struct_fields__ if name in more}
    return Policy(rule=rule, filter=Filter(**(filter or {})), guards=Guards(**guards), **more)


def now(current: str = "", *quarantines: Quarantine, digest: str = "") -> Context:
    return Context(now=NOW, current=current, current_digest=digest, quarantines=quarantines)


def chosen(wanted: Policy, tags: list[Tag], context: Context | None = None) -> str | None:
    choice = choose(wanted, tags, context or now())
    return choice.tag if choice else None


def reasons(wanted: Policy, tags: list[Tag], context: Context | None = None) -> dict[str, str]:
    return {verdict.tag: verdict.reason for verdict in explain(wanted, tags, context or now())}


def test_numbers_are_compared_as_numbers() -> None:
    assert choose(policy(">=2 <3"), named(*TAGS), now()) == Choice("v2.2.10", "2.2.10", "", "the newest that matches")


def test_every_tag_has_one_reason_newest_first_then_what_is_no_version() -> None:
    assert list(reasons(policy(">=2 <3"), named(*TAGS)).items()) == [
        ("3.0.0", "newer than <3 allows"),
        ("2.3.0-rc.1", "a pre-release, and the range does not ask for them"),
        ("v2.2.10", "the newest that matches"),
        ("2.2.9", "matches, but v2.2.10 is newer"),
        ("2.2.8", "matches, but v2.2.10 is newer"),
        ("2.2", "matches, but v2.2.10 is newer"),
        ("1.9.9", "older than >=2 allows"),
        ("latest", "'latest' is no semantic version"),
        ("sha-0a1b", "'sha-0a1b' is no semantic version"),
    ]


def test_the_full_number_goes_before_the_moving_tag() -> None:
    for order in (["2.2", "v2.2.0", "2.2.0"], ["2.2.0", "v2.2.0", "2.2"]):
        assert chosen(policy(), named(*order)) == "2.2.0"
    assert reasons(policy(), named("2.2", "2.2.0"))["2.2"] == "the same version as 2.2.0, which is written more fully"


def test_a_charts_tag_stands_for_its_version() -> None:
    choice = choose(policy(), named("1.0.0_b.2"), now())
    assert choice is not None
    assert (choice.tag, choice.version) == ("1.0.0_b.2", "1.0.0+b.2")


def test_nothing_matches() -> None:
    assert chosen(policy(">4"), named(*TAGS)) is None
    assert explain(policy(), [], now()) == ()
    assert wanted(policy(), [], now(), 5) == ()


def test_a_filter_says_which_tags_are_looked_at_and_what_is_read() -> None:
    builds = policy(
        dialect="flux-numerical",
        filter={
            "include": ("glob:main-*",),
            "exclude": ("glob:*-7-*",),
            "extract": r"regexp:^main-(?P<n>\d+)",
            "to": "$n",
        },
    )
    tags = named("main-9-a", "main-10-b", "main-11-7-c", "12", "main-x")
    assert chosen(builds, tags) == "main-10-b"
    assert reasons(builds, tags) == {
        "main-11-7-c": "excluded by glob:*-7-*",
        "main-10-b": "the newest that matches",
        "main-9-a": "matches, but main-10-b is newer",
        "12": "not included by glob:main-*",
        "main-x": r"regexp:^main-(?P<n>\d+) does not match it: there is nothing to read",
    }


def test_descending_takes_the_other_end() -> None:
    last = policy(dialect="flux-alphabetical", order="descending")
    assert chosen(last, named("b", "a", "c")) == "a"
    assert reasons(last, named("b", "a"))["b"] == "matches, but a comes before it"
    assert reasons(last, named("b", "a"), now("a"))["b"].endswith("never a downgrade")


@pytest.mark.parametrize("current", ["3.0.0", "v3.0.0", "9"])
def test_never_a_downgrade(current: str) -> None:
    assert chosen(policy(), named("2.9.0", "1.0.0"), now(current)) is None
    assert reasons(policy(), named("2.9.0"), now(current)) == {
        "2.9.0": f"older than {current}, which is followed now: never a downgrade"
    }


def test_what_is_followed_stays_until_something_newer_comes() -> None:
    assert chosen(policy(), named("2.2", "2.2.0", "2.1.0"), now("2.2")) == "2.2"
    assert (
        reasons(policy(), named("2.2", "2.2.0"), now("2.2"))["2.2.0"]
        == "the same version as 2.2, which is followed now"
    )
    assert chosen(policy(), named("2.2", "2.2.1"), now("2.2")) == "2.2.1"


def test_the_variant_is_kept() -> None:
    tags, docker = named("3.2.1-alpine", "3.2.2", "3.2.2-alpine", "3.2.3-debian"), policy(dialect="docker")
    assert chosen(docker, tags, now("3.2.1-alpine")) == "3.2.2-alpine"
    assert reasons(docker, tags, now("3.2.1-alpine"))["3.2.3-debian"] == (
        "another variant: 'debian', and the variant 'alpine' is followed"
    )
    assert chosen(docker, named("3.2.1-alpine", "3.2.2"), now("3.2.1-alpine")) == "3.2.1-alpine"
    assert (
        chosen(policy(dialect="docker", variant=False), named("3.2.1-alpine", "3.2.2"), now("3.2.1-alpine")) == "3.2.2"
    )


def test_prereleases_only_when_asked() -> None:
    tags = named("2.0.0", "2.1.0-rc.1")
    assert chosen(policy(), tags) == "2.0.0"
    assert chosen(policy(prereleases="allowed"), tags) == "2.1.0-rc.1"
    assert chosen(policy(">=2-0"), tags) == "2.1.0-rc.1"
    assert (
        reasons(policy(">=2-0", prereleases="never"), tags)["2.1.0-rc.1"] == "a pre-release, and the policy takes none"
    )
    marked = [*tags, Tag(name="3.0.0", prerelease=True)]
    assert chosen(policy(), marked) == "2.0.0"
    assert "its publisher marks it" in reasons(policy(), marked)["3.0.0"]
    assert chosen(policy(prereleases="allowed"), marked) == "3.0.0"


def test_a_tag_without_the_platform_is_skipped_visibly_and_an_unknown_one_waits() -> None:
    asks = policy(platforms=("linux/arm64",))
    tags = [
        Tag(name="3.0.0"),
        Tag(name="2.0.0", platforms=("linux/amd64",)),
        Tag(name="1.0.0", platforms=("linux/amd64", "linux/arm64/v8")),
    ]
    assert chosen(asks, tags) == "1.0.0"
    assert reasons(asks, tags) == {
        "3.0.0": "its platforms are not known yet",
        "2.0.0": "not there for linux/arm64: only for linux/amd64",
        "1.0.0": "the newest that matches",
    }
    assert lacking(asks, tags, now(), 10) == ("3.0.0", "1.0.0")
    assert lacking(asks, tags, now(), 1) == ("3.0.0",)


def test_an_age_is_by_our_own_clock_and_an_unknown_one_waits() -> None:
    aged = policy(minimum_age_seconds=2 * 86_400)
    tags = [
        Tag(name="3.0.0", created_at=NOW - timedelta(days=900)),
        Tag(name="2.0.0", first_seen_at=NOW - timedelta(days=1)),
        Tag(name="1.0.0", first_seen_at=NOW - timedelta(days=2)),
    ]
    assert chosen(aged, tags) == "1.0.0"
    assert reasons(aged, tags) == {
        "3.0.0": "waits: when it was first seen is not known yet",
        "2.0.0": "waits until 2026-11-25 12:00 UTC: first seen 2026-11-23 12:00 UTC, wanted at least 2 days old",
        "1.0.0": "the newest that matches",
    }
    assert next_change(aged, tags, now()) == next_of(explain(aged, tags, now())) == NOW + timedelta(days=1)
    assert lacking(aged, tags, now(), 10) == ("3.0.0", "2.0.0", "1.0.0")


def test_what_is_followed_needs_no_age_again_but_its_new_digest_does() -> None:
    aged = policy("main", dialect="argocd-digest", digest=True, minimum_age_seconds=3_600, variant=False)
    moved = [Tag(name="main", digest="sha256:b", first_seen_at=NOW)]
    assert chosen(aged, moved, now("main", digest="sha256:a")) is None
    assert chosen(aged, moved, now("main", digest="sha256:b")) == "main"


def test_a_quarantine_says_who_why_and_until_when() -> None:
    held = Quarantine(pattern="glob:2.3.*", reason="breaks feeds", author="anna", until=NOW + timedelta(days=1))
    over = Quarantine(pattern="2.2.0", reason="old", author="anna", until=NOW)
    forever = Quarantine(pattern="2.4.0", reason="bad licence", author="ben")
    context, tags = now("", held, over, forever), named("2.4.0", "2.3.1", "2.2.0")
    assert chosen(policy(), tags, context) == "2.2.0"
    assert reasons(policy(), tags, context) == {
        "2.4.0": "quarantined by ben until it is lifted: bad licence (2.4.0)",
        "2.3.1": "quarantined by anna until 2026-11-25 12:00 UTC: breaks feeds (glob:2.3.*)",
        "2.2.0": "the newest that matches",
    }
    assert next_change(policy(), tags, context) == NOW + timedelta(days=1)
    assert chosen(policy(), named("2.4.0"), now("2.4.0", forever)) is None


def test_a_person_takes_new_majors() -> None:
    asks, tags = policy(majors="ask"), named("3.0.0", "2.9.0", "2.8.0")
    assert chosen(asks, tags, now("2.8.0")) == "2.9.0"
    assert reasons(asks, tags, now("2.8.0"))["3.0.0"] == (
        "a new major: a person has to take it (tidegate release add …)"
    )
    assert chosen(asks, tags) == "3.0.0"


def test_staying_behind_counts_versions_not_tags() -> None:
    behind = policy(behind=1)
    assert chosen(behind, named("2.3.0", "2.3", "2.2.0", "2.1.0")) == "2.2.0"
    verdicts = {verdict.tag: verdict for verdict in explain(behind, named("2.3.0", "2.2.0", "2.1.0"), now())}
    assert verdicts["2.3.0"].reason == "newer than the policy takes: it stays 1 behind the newest"
    assert not verdicts["2.3.0"].wanted
    assert verdicts["2.2.0"].reason == "1 behind the newest that matches"
    assert chosen(behind, named("2.3.0"), now("2.3.0")) == "2.3.0"
    assert chosen(policy(behind=3), named("2.3.0", "2.2.0")) is None


def test_notify_only_says_what_it_would_take() -> None:
    quiet, tags = policy(notify_only=True), named("2.3.0", "2.2.0")
    assert chosen(quiet, tags) is None
    assert reasons(quiet, tags)["2.3.0"] == "notify only: the newest that matches"
    assert chosen(quiet, tags, now("2.2.0")) == "2.2.0"
    assert reasons(quiet, tags, now("2.2.0"))["2.2.0"] == "followed now; notify only: 2.3.0 would be taken"
    assert [choice.tag for choice in wanted(quiet, tags, now("2.2.0"), 5)] == ["2.2.0"]


def test_what_is_gone_or_withheld_is_not_taken() -> None:
    tags = [Tag(name="2.2.0", gone=True), Tag(name="2.1.0", withheld="yanked"), Tag(name="2.0.0")]
    assert reasons(policy(), tags) == {
        "2.2.0": "not listed any more",
        "2.1.0": "withheld by its publisher: yanked",
        "2.0.0": "the newest that matches",
    }


def test_wanted_are_the_best_first() -> None:
    assert [choice.tag for choice in wanted(policy(">=2 <3"), named(*TAGS), now(), 2)] == ["v2.2.10", "2.2.9"]


def test_a_pasted_list_is_explained_without_ages_and_platforms() -> None:
    asks = policy(platforms=("linux/arm64",), minimum_age_seconds=60)
    assert [one.chosen for one in explain_names(asks, ["1.0.0", "1.1.0", "1.1.0"], NOW)] == [True, False]


@pytest.mark.parametrize(
    "bad", [policy(">>2"), policy(filter={"include": ("regexp:(",)}), policy(filter={"extract": "regexp:("})]
)
def test_a_policy_that_cannot_be_read_is_told(bad: Policy) -> None:
    with pytest.raises(InvalidRange):
        choose(bad, named("1.0.0"), now())


def test_what_was_made_last_waits_until_every_age_is_known() -> None:
    newest, day = policy("any", dialect="argocd-newest-build"), timedelta(days=1)
    asked = [
        Tag(name="b", digest="sha256:b", created_at=NOW - day),
        Tag(name="c", digest="sha256:c", created_at=NOW - 2 * day),
    ]
    tags = [*asked, Tag(name="a", first_seen_at=NOW)]
    assert chosen(newest, tags) is None
    assert reasons(newest, tags) == {
        "a": "when it was made is not known yet",
        "b": "waits: when other tags were made is not known yet",
        "c": "waits: when other tags were made is not known yet",
    }
    assert lacking(newest, tags, now(), 10) == ("a",)
    assert needs_details(newest)
    assert chosen(newest, asked) == "b"
    assert chosen(newest, tags, now("c")) == "b"
