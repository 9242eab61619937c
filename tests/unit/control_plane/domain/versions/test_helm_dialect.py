"""Helm's ranges as a policy dialect."""

import pytest

from control_plane.domain.versions.dialects.helm import compile_range
from control_plane.domain.versions.policy import Reading, Tag


def read(text: str, rule: str = "*", current: str = "") -> Reading:
    return compile_range(rule, current=current).read(text, Tag(name=text))


def test_numbers_are_compared_as_numbers() -> None:
    assert (read("2.10.0").key or ()) > (read("2.9.0").key or ())
    assert read("v2.2").version == "2.2.0"


def test_a_charts_tag_stands_for_its_version() -> None:
    assert read("1.0.0_b.2").version == "1.0.0+b.2"
    assert read("1.0.0_b.2").key == read("1.0.0").key
    assert read("102.0.0_up1.2.3").family == ""


def test_a_variant_is_a_family_and_comes_after_the_plain_version_in_choice() -> None:
    plain, windows = read("1.0.0"), read("1.0.0_windows")
    assert windows.family == "windows"
    assert (windows.key or ()) < (plain.key or ())
    assert read("1.0.0-rc.1-alpine").family == "alpine"


@pytest.mark.parametrize(
    ("current", "text", "refusal"),
    [
        ("2.2.15", "2.2.16-alpine", "another variant: 'alpine', and the range does not ask for it"),
        ("2.2.15-slim", "2.2.16-alpine", "another variant: 'alpine', and the range does not ask for it"),
        ("2.2.15-alpine", "2.2.16-alpine", "the range does not ask for the variant 'alpine': with -0 behind a version it does"),
        ("2.2.15", "2.2.16-rc.1", "a pre-release, and the range does not ask for them"),
        ("2.2.15", "2.2.16-rc.1-alpine", "a pre-release, and the range does not ask for them"),
        ("2.2.15", "2.2.16-20260101", "a pre-release, and the range does not ask for them"),
        ("2.2.15", "3.0.0-alpine", "another variant: 'alpine', and the range does not ask for it"),
        ("latest", "2.2.16-alpine", "another variant: 'alpine', and the range does not ask for it"),
    ],
)  # fmt: skip
def test_a_variant_is_called_one_though_helm_takes_it_for_a_pre_release(current: str, text: str, refusal: str) -> None:
    assert read(text, ">=2.2 <3", current).refusal == refusal


def test_a_range_that_asks_takes_variants() -> None:
    assert read("2.2.16-alpine", ">=2.2-0 <3").refusal == ""
    assert read("3.0.1-alpine", ">=2.2-0 <3").refusal == "newer than <3 allows"


def test_refusals() -> None:
    assert read("latest").key is None
    assert "no semantic version" in read("latest").refusal
    assert read("3.0.0", ">=2 <3").refusal == "newer than <3 allows"
    assert "pre-release" in read("2.0.0-rc.1", ">=1").refusal
