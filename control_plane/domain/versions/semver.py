"""Versions as Helm and Flux read them (Masterminds/semver): parsed leniently or strictly, ordered by SemVer's precedence.

PURE. A version's order is its ``key``, a tuple, so that comparing and sorting cost no Python code of ours:
``(major, minor, patch, is a release, pre-release identifiers)``. Build metadata does not count.
"""

import re
from typing import Any, Literal

import msgspec

Key = tuple[Any, ...]
Part = Literal["major", "minor", "patch"]

MAX_LENGTH = 256
_MOST = 2**64  # Go's uint64: a larger number is no version for Helm, so it is none for us
_DIGITS = len(str(_MOST))
_IDENTIFIERS = r"[0-9A-Za-z-]++(?:\.[0-9A-Za-z-]++)*+"
_SUFFIXES = rf"(?:-({_IDENTIFIERS}))?+(?:\+({_IDENTIFIERS}))?+"
_LENIENT = re.compile(rf"v?+([0-9]++)(?:\.([0-9]++))?+(?:\.([0-9]++))?+{_SUFFIXES}")
_NUMBER = r"(0|[1-9][0-9]*+)"
_STRICT = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}{_SUFFIXES}")


class InvalidVersion(ValueError):
    """The text is no version; the message says why."""


class Version(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A semantic version. ``original`` is the text it was read from; two versions are equal when neither is newer."""

    major: int
    minor: int
    patch: int
    pre: str
    metadata: str
    original: str
    key: Key

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}.{self.patch}"
        if self.pre:
            text += f"-{self.pre}"
        return f"{text}+{self.metadata}" if self.metadata else text

    def __eq__(self, other: object) -> bool:
        return self.key == other.key if isinstance(other, Version) else NotImplemented

    def __ne__(self, other: object) -> bool:
        return not self == other  # msgspec's own would compare identities

    def __lt__(self, other: "Version") -> bool:
        return self.key < other.key

    def __hash__(self) -> int:
        return hash(self.key)


def parse_strict(text: str) -> Version:
    """Read ``text`` by SemVer 2.0.0's own grammar: three numbers, nothing in front. Raises ``InvalidVersion``."""
    return parse(text, _STRICT)


def parse(text: str, grammar: re.Pattern[str] = _LENIENT) -> Version:
    """Read ``text`` as Helm does: ``v`` in front, missing parts and leading zeros are allowed. Raises ``InvalidVersion``."""
    match = grammar.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if match is None:
        raise InvalidVersion(f"{text[:80]!r} is no semantic version")
    major, minor, patch, pre, metadata = match.groups("")
    first, second, third = int(major), int(minor or 0), int(patch or 0)
    if len(text) >= _DIGITS and max(first, second, third) >= _MOST:
        raise InvalidVersion(f"{text[:80]!r} has a number that is too large")
    key = (first, second, third, not pre, prerelease_key(pre) if pre else ())
    return Version(first, second, third, pre, metadata, text, key)


def is_older(text: str, other: str) -> bool:
    """Return whether ``text`` and ``other`` are versions and the first is the older; what is none compares with nothing."""
    try:
        return parse(text) < parse(other)
    except InvalidVersion:
        return False


def prerelease_key(pre: str) -> tuple[tuple[int, int, str], ...]:
    """Return the order of a pre-release, which is not empty: numbers below words, numbers by value, fewer identifiers first."""
    return tuple([_number_key(part) if part.isdigit() else (1, 0, part) for part in pre.split(".")])


def _number_key(part: str) -> tuple[int, int, str]:
    if len(part) > 1 and part[0] == "0":
        raise InvalidVersion(f"the number {part[:40]} in the pre-release starts with 0")
    number = int(part)
    return (0, number, "") if number < _MOST else (1, 0, part)


def bumped(version: Version, part: Part) -> Version:
    """Return the next version. A pre-release's next patch is the release itself; a ``v`` in front stays."""
    major, minor, patch = version.major, version.minor, version.patch
    if part == "major":
        major, minor, patch = major + 1, 0, 0
    elif part == "minor":
        minor, patch = minor + 1, 0
    elif not version.pre:
        patch += 1
    prefix = "v" if version.original.startswith("v") else ""
    return parse(f"{prefix}{major}.{minor}.{patch}")
