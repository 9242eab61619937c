"""Platforms: reading, matching, and what of an index is for whom."""

from typing import Any

import pytest

from control_plane.domain.versions.platforms import (
    InvalidPlatform,
    Platform,
    is_offered,
    matches,
    offered,
    parse_platform,
    select,
)


def entry(digest: str, **platform: Any) -> dict[str, Any]:
    return {"digest": digest, "platform": platform} if platform else {"digest": digest}


INDEX = [
    entry("sha256:1", os="linux", architecture="amd64"),
    entry("sha256:2", os="linux", architecture="arm64", variant="v8"),
    entry("sha256:3", os="windows", architecture="amd64", **{"os.version": "10.0.17763.1", "os.features": ["win32k"]}),
    entry("sha256:4", os="unknown", architecture="unknown"),
]


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("linux/arm64", "linux/arm64"),
        ("Linux/AARCH64", "linux/arm64"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/arm/v7", "linux/arm/v7"),
        ("windows/amd64:10.0.17763", "windows/amd64:10.0.17763"),
    ],
)
def test_reading(text: str, normal: str) -> None:
    assert str(parse_platform(text)) == normal


@pytest.mark.parametrize("text", ["", "linux", "linux/", "/amd64", "linux/arm/v7/x"])
def test_what_is_no_platform(text: str) -> None:
    with pytest.raises(InvalidPlatform, match="linux/arm64"):
        parse_platform(text)


def test_index_with_a_broken_platform_names_the_mistake() -> None:
    with pytest.raises(InvalidPlatform, match="cannot be read"):
        select([entry("sha256:1", os=1)], parse_platform("linux/amd64"))


def test_optional_parts_matter_only_where_they_are_required() -> None:
    given = Platform(os="linux", architecture="arm", variant="v7", features=("a", "b"))
    assert matches(given, Platform(os="linux", architecture="arm"))
    assert matches(given, Platform(os="linux", architecture="arm", features=("b",)))
    assert not matches(given, Platform(os="linux", architecture="arm", variant="v6"))
    assert not matches(given, Platform(os="linux", architecture="arm", features=("c",)))
    assert not matches(Platform(os="linux", architecture="arm"), given)


def test_selection() -> None:
    assert select(INDEX, parse_platform("linux/arm64")) == "sha256:2"
    assert select(INDEX, parse_platform("linux/s390x")) is None
    assert select([entry("sha256:9")], parse_platform("linux/amd64")) == "sha256:9"


def test_what_an_index_offers_is_without_its_attestations() -> None:
    assert offered(INDEX) == ("linux/amd64", "linux/arm64/v8", "windows/amd64:10.0.17763.1")


@pytest.mark.parametrize(
    ("wanted", "yes"),
    [
        ("linux/arm64", True),
        ("linux/arm64/v8", True),
        ("linux/amd64", True),
        ("linux/arm", False),
        ("windows/amd64", True),
    ],
)
def test_offers(wanted: str, yes: bool) -> None:
    assert is_offered(wanted, offered(INDEX)) is yes
