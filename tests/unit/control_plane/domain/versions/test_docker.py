"""Renovate's ``docker`` versioning: what is a version, its order, its family."""

import pytest

from control_plane.domain.versions.dialects.docker import compile_family, read_version
from control_plane.domain.versions.policy import Tag, TakesPrereleases
from control_plane.domain.versions.ranges import InvalidRange


@pytest.mark.parametrize(
    ("text", "is_version"),
    [
        ("1.2.3", True),
        ("18.04", True),
        ("3", True),
        ("v3.2", True),
        ("123098140293", True),
        ("0a1b2C3", True),
        ("0z1b2c3", True),
        (f"{'0a1b2c3d4e' * 4}0", True),
        ("", False),
        ("foo", False),
        ("latest", False),
        ("0a1b2c3", False),
        ("0a1b2c3d4e" * 4, False),
        ("alpine-3.7", False),
        ("3.7.-alpine", False),
    ],
)
def test_what_is_a_version(text: str, is_version: bool) -> None:
    numbers, reading = read_version(text)
    assert bool(numbers) is (reading.key is not None) is is_version
    assert bool(reading.refusal) is not is_version


def test_order() -> None:
    texts = [
        "3.7.0b1",
        "3.7.0b5",
        "3.7.0",
        "3.7-alpine",
        "3.8.0b1-alpine",
        "3.8.0-alpine",
        "3.8.0",
        "3.8.2",
        "3.10",
        "3",
    ]
    assert sorted(sorted(texts), key=lambda text: read_version(text)[1].key or ()) == texts
    assert (read_version("3.8.0rc10")[1].key or ()) > (read_version("3.8.0rc9")[1].key or ())


@pytest.mark.parametrize(
    ("text", "stable"),
    [
        ("3.7.0", True),
        ("3.7.0b1", False),
        ("3.7-alpine", True),
        ("3.8.0b1-alpine", False),
        ("3.8.3-SNAPSHOT", False),
        ("3.8.3-1-SNAPSHOT", False),
    ],
)
def test_stability(text: str, stable: bool) -> None:
    assert read_version(text)[1].prerelease is not stable


@pytest.mark.parametrize(
    ("text", "current", "compatible"),
    [
        ("3.8.2", "3.7.0", True),
        ("3.7.0b1", "3.7.0", True),
        ("3.7-alpine", "3.7.0", False),
        ("3.8.0-alpine", "3.7.0", False),
        ("3.8.2", "3.7.0-alpine", False),
        ("3.7-alpine", "3.7.0-alpine", False),
        ("3.8.0-alpine", "3.7.0-alpine", True),
        ("3.8.0-alpine3.19", "3.7.0-alpine3.18", False),
    ],
)
def test_numbers_and_suffix_stay_the_same(text: str, current: str, compatible: bool) -> None:
    compiled = compile_family("*", current=current)
    assert isinstance(compiled, TakesPrereleases)
    rule = compiled.with_prereleases()
    reading, now = rule.read(text, Tag(name=text)), rule.read(current, Tag(name=current))
    assert (not reading.refusal and reading.family == now.family) is compatible


def test_without_a_current_tag_any_count_of_numbers_is_wanted() -> None:
    rule = compile_family(">=3.7 <4", current="")
    assert [rule.read(text, Tag(name=text)).refusal for text in ("3.7", "3.7.1", "3.10-alpine")] == ["", "", ""]
    assert "newer" in rule.read("4.0", Tag(name="4.0")).refusal


@pytest.mark.parametrize("rule", ["latest", ">=a", "~3.7", "3.7-alpine"])
def test_bad_rules(rule: str) -> None:
    with pytest.raises(InvalidRange):
        compile_family(rule, current="")


@pytest.mark.parametrize(("current", "refusal"), [("", "a pre-release"), ("3.7.0", "a pre-release"), ("3.7.0b1", "")])
def test_only_a_prerelease_is_followed_by_one(current: str, refusal: str) -> None:
    reading = compile_family("*", current=current).read("3.8.0b2", Tag(name="3.8.0b2"))
    assert refusal in reading.refusal
    assert bool(reading.refusal) == bool(refusal)
