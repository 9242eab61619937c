"""Flux's policies as Tidegate's dialects: what Flux's own cases do not say."""

import pytest

from control_plane.domain.versions.dialects import flux
from control_plane.domain.versions.policy import Reading, Rule, Tag, TakesPrereleases
from control_plane.domain.versions.ranges import InvalidRange


def read(rule: Rule, text: str) -> Reading:
    return rule.read(text, Tag(name=text))


@pytest.mark.parametrize(
    ("tag", "refusal"),
    [
        ("1.0.1", ""),
        ("v1.0.1", ""),
        ("1.0", "no semantic version"),
        ("1.0.0.1", "no semantic version"),
        ("1.0.0p", "no semantic version"),
        ("01.0.1", "no semantic version"),
        ("vv1.0.1", "no semantic version"),
        ("b1.0.0", "no semantic version"),
        ("1.2.0", "newer than 1.0.x allows"),
        ("1.0.1-rc.1", "pre-release"),
    ],
)
def test_semver_wants_whole_versions(tag: str, refusal: str) -> None:
    reading = read(flux.compile_semver("1.0.x", current=""), tag)
    assert refusal in reading.refusal
    assert bool(reading.refusal) == bool(refusal)


def test_semver_refuses_ranges_that_are_none() -> None:
    for rule in ("1.0.0p", "1x", "x1", "-1", "a", "", "*-*"):
        with pytest.raises(InvalidRange):
            flux.compile_semver(rule, current="")


def test_prereleases_can_be_allowed_beside_the_range() -> None:
    rule = flux.compile_semver("1.x", current="")
    assert isinstance(rule, TakesPrereleases)
    assert read(rule.with_prereleases(), "1.1.0-rc.1").refusal == ""
    assert "newer" in read(rule.with_prereleases(), "2.0.0").refusal


def test_alphabetical_order_is_of_bytes() -> None:
    rule = flux.compile_alphabetical("*", current="")
    tags = ["b", "B", "a10", "a9", "zesty", "é"]
    assert sorted(tags, key=lambda tag: read(rule, tag).key or ()) == sorted(tags, key=str.encode)


@pytest.mark.parametrize("text", ["1", "-62", "+5", "0.5", ".5", "5.", "1e3", "1606234201", "20240131101500123"])
def test_numbers(text: str) -> None:
    assert read(flux.compile_numerical("", current=""), text).refusal == ""


@pytest.mark.parametrize(
    "text", ["", "1a", "b", "nan", "inf", "1e999", "1_000", "0x1p4", "٣", "9" * 400, "1e99999999999"]
)
def test_what_is_no_number(text: str) -> None:
    reading = read(flux.compile_numerical("*", current=""), text)
    assert reading.key is None
    assert "no number" in reading.refusal


def test_long_numbers_are_compared_exactly() -> None:
    rule = flux.compile_numerical("*", current="")
    older, newer = read(rule, "20240131101500123").key, read(rule, "20240131101500124").key
    assert older is not None
    assert newer is not None
    assert older < newer


@pytest.mark.parametrize("compile_rule", [flux.compile_alphabetical, flux.compile_numerical])
def test_an_order_in_the_rule_is_told_where_it_belongs(compile_rule: type[Rule]) -> None:
    with pytest.raises(InvalidRange, match="order"):
        compile_rule("DESC", current="")


def test_order_of_flux() -> None:
    assert [flux.read_order(text) for text in ("", "ASC", "DESC")] == ["ascending", "ascending", "descending"]
    with pytest.raises(InvalidRange, match="ASC or DESC"):
        flux.read_order("desc")
