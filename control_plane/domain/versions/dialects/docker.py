"""Versions of images as Renovate's ``docker`` versioning reads them: numbers, and a suffix that is the family. PURE.

``3.8.0b1-alpine`` has the numbers 3, 8, 0, the pre-release ``b1`` and the family ``alpine``. What follows a tag has as many numbers
(``3.8`` is followed by ``3.9``, never by ``3.9.1``) and the very same suffix; pre-releases follow only pre-releases. Of versions that
begin alike the shorter is newer: ``3.8`` moves along with ``3.8.1``. What looks like a commit (7 to 40 of 0-9 and a-f) is no version,
nor is ``latest``.
"""

import math
import re

import msgspec

from control_plane.domain.versions.comparisons import Comparisons, Numbers, natural, parse_comparisons
from control_plane.domain.versions.dialects.helm import refused
from control_plane.domain.versions.families import is_prerelease
from control_plane.domain.versions.policy import Reading, Rule, Tag
from control_plane.domain.versions.ranges import InvalidRange

MAX_LENGTH = 256
PRERELEASE = "a pre-release, and what is followed now is none"
_COMMIT = re.compile(r"[a-f0-9]{7,40}")
_VERSION = re.compile(r"v?([0-9]+(?:\.[0-9]+)*)([A-Za-z0-9_]*)(?:-(.*))?", re.DOTALL)
_OPERAND = re.compile(r"v?([0-9]+(?:\.[0-9]+)*)(?:\.[xX*])?")


class FamilyRule(msgspec.Struct, frozen=True):
    """Comparisons of numbers, how many numbers there must be (0: any), and whether pre-releases are wanted."""

    accepted: Comparisons
    parts: int
    prereleases: bool

    def with_prereleases(self) -> "FamilyRule":
        """Return the same rule that wants pre-releases too."""
        return FamilyRule(self.accepted, self.parts, prereleases=True)

    def read(self, text: str, tag: Tag) -> Reading:  # noqa: ARG002 - all is in the text
        """Return the version's order and whether the rule wants it."""
        numbers, reading = read_version(text)
        refusal = self._refusal(numbers, reading) if numbers else ""
        return refused(reading, refusal) if refusal else reading

    def _refusal(self, numbers: Numbers, reading: Reading) -> str:
        if self.parts and len(numbers) != self.parts:
            return f"has {len(numbers)} numbers, and what is followed now has {self.parts}"
        if reading.prerelease and not self.prereleases:
            return PRERELEASE
        return self.accepted.refusal(numbers)


def compile_family(rule: str, *, current: str) -> Rule:
    """Return the rule that ``rule`` makes: ``*``, or comparisons such as ``>=3.7 <4``. Raises ``InvalidRange``."""
    numbers, followed = read_version(current)
    return FamilyRule(parse_comparisons(rule, _operand), len(numbers), followed.prerelease)


def _operand(text: str) -> Numbers:
    match = _OPERAND.fullmatch(text)
    if match is None:
        raise InvalidRange(f"{text[:80]!r} is no list of numbers such as 3.7")
    return tuple(map(int, match[1].split(".")))


def read_version(text: str) -> tuple[Numbers, Reading]:
    """Return the numbers that ``text`` has (none: it is no version), and its reading where nothing refuses it."""
    if _COMMIT.fullmatch(text) and not text.isdecimal():
        return (), Reading(key=None, refusal=f"{text!r} looks like a commit, not like a version")
    match = _VERSION.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if match is None:
        return (), Reading(key=None, refusal=f"{text[:80]!r} does not begin with numbers")
    numbers, pre, suffix = tuple(map(int, match[1].split("."))), match[2], match[3] or ""
    return numbers, Reading(
        key=(*numbers, math.inf, not pre, natural(pre), not suffix),
        version=text.removeprefix("v"),
        prerelease=bool(pre) or is_prerelease(suffix),
        major=numbers[0],
        family=suffix,
    )
