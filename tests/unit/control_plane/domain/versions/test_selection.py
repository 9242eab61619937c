"""Which tag is chosen, and that every other has a reason."""

from hypothesis import given
from hypothesis import strategies as st

from control_plane.domain.versions import Choice, Policy, choose, explain, parse_range
from control_plane.domain.versions.semver import parse

TAGS = ["latest", "2.2.8", "v2.2.10", "2.2.9", "2.3.0-rc.1", "3.0.0", "1.9.9", "2.2", "sha-0a1b"]
tags = st.lists(
    st.sampled_from([*TAGS, "2.2.10", "2", "10.0.0", "2.10.0", "2.2.10-alpine"])
    | st.text("0123456789.v-abc", max_size=8),
    max_size=25,
)


def policy(text: str, *, charts: bool = False) -> Policy:
    return Policy(parse_range(text), charts=charts)


def test_numbers_are_compared_as_numbers() -> None:
    assert choose(policy(">=2 <3"), TAGS) == Choice("v2.2.10", "2.2.10")


def test_every_tag_has_one_reason() -> None:
    reasons = {verdict.tag: verdict.reason for verdict in explain(policy(">=2 <3"), TAGS)}
    assert reasons == {
        "3.0.0": "newer than <3 allows",
        "2.3.0-rc.1": "a pre-release, and the range does not ask for them",
        "v2.2.10": "the newest that matches",
        "2.2.9": "matches, but 2.2.10 is newer",
        "2.2.8": "matches, but 2.2.10 is newer",
        "2.2": "matches, but 2.2.10 is newer",
        "1.9.9": "older than >=2 allows",
        "latest": "'latest' is no semantic version",
        "sha-0a1b": "'sha-0a1b' is no semantic version",
    }


def test_a_variant_is_never_followed() -> None:
    assert choose(policy("*"), ["3.2.1", "3.2.2-alpine"]) == Choice("3.2.1", "3.2.1")


def test_the_full_number_goes_before_the_moving_tag() -> None:
    for order in (["2.2", "2.2.0"], ["2.2.0", "2.2"]):
        assert choose(policy("*"), order) == Choice("2.2.0", "2.2.0")
    assert [verdict.reason for verdict in explain(policy("*"), ["2.2", "2.2.0"])][1].startswith(
        "the same version as 2.2.0"
    )


def test_a_charts_tag_stands_for_its_version() -> None:
    assert choose(policy("*", charts=True), ["1.0.0_b.2"]) == Choice("1.0.0_b.2", "1.0.0+b.2")
    assert choose(policy("*"), ["1.0.0_b.2"]) is None


def test_nothing_matches() -> None:
    assert choose(policy(">4"), TAGS) is None
    assert explain(policy("*"), []) == ()


@given(tags)
def test_choosing_is_independent_of_order_and_agrees_with_explain(names: list[str]) -> None:
    wanted = policy(">=2 <3")
    chosen = choose(wanted, names)
    assert choose(wanted, list(reversed(names))) == chosen
    verdicts = explain(wanted, names)
    assert {verdict.tag for verdict in verdicts} == set(names)
    assert all(verdict.reason for verdict in verdicts)
    assert [verdict.tag for verdict in verdicts if verdict.chosen] == ([chosen.tag] if chosen else [])


@given(tags)
def test_a_chosen_version_satisfies_the_policy_and_excluded_tags_change_nothing(names: list[str]) -> None:
    wanted = policy(">=2 <3")
    chosen = choose(wanted, names)
    if chosen is not None:
        assert wanted.accepted.contains(parse(chosen.version))
    assert choose(wanted, [*names, "9.9.9", "nightly", "2.99.0-rc.1"]) == chosen
