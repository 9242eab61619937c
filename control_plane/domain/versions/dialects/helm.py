"""Helm's ranges over semantic versions (Masterminds/semver): ``>=2.2.8 <3``, ``^1.2 || ~2.3``, ``2.x``. PURE.

A chart's OCI tag has ``_`` where its version has ``+``, and is read back so, as Helm reads it.
"""

import re
from collections.abc import Callable
from functools import lru_cache

import msgspec

from control_plane.domain.versions.families import family_of
from control_plane.domain.versions.helm import version_of_tag
from control_plane.domain.versions.policy import Reading, Rule, Tag
from control_plane.domain.versions.ranges import Range, parse_range
from control_plane.domain.versions.semver import InvalidVersion, Version, parse

REMEMBERED = 65_536  # texts: a repository is looked at again and again, and few of its tags are new
_DIGIT = re.compile("[0-9]")
ReadVersion = Callable[[str], tuple[Version | None, Reading]]


class RangeRule(msgspec.Struct, frozen=True):
    """A range, compiled. ``read_version`` makes a version of a text; None is none, and its reading says why.

    ``prereleases``: those inside the range are wanted even where it does not ask for them.
    """

    accepted: Range
    read_version: ReadVersion
    prereleases: bool = False

    def with_prereleases(self) -> "RangeRule":
        """Return the same rule that wants pre-releases too."""
        return RangeRule(self.accepted, self.read_version, prereleases=True)

    def read(self, text: str, tag: Tag) -> Reading:  # noqa: ARG002 - all is in the text
        """Return the version's order and whether the range wants it."""
        version, reading = self.read_version(text)
        refusal = self.accepted.refusal(version, include_prereleases=self.prereleases) if version is not None else ""
        return refused(reading, refusal) if refusal else reading


def compile_range(rule: str, *, current: str) -> Rule:  # noqa: ARG001 - a range does not depend on what is followed now
    """Return the rule that ``rule``, a range, makes. Raises ``InvalidRange``."""
    return RangeRule(parse_range(rule), read_version)


@lru_cache(REMEMBERED)
def read_version(text: str) -> tuple[Version | None, Reading]:
    """Return the version that ``text`` stands for (None: it is none), and its reading where nothing refuses it."""
    return attempt(parse, version_of_tag(text))


def attempt(read: Callable[[str], Version], text: str) -> tuple[Version | None, Reading]:
    """Return the version that ``read`` makes of ``text`` and its reading; (None, why not) where it makes none."""
    try:
        version = read(text)
    except InvalidVersion as error:
        return None, Reading(key=None, refusal=str(error))
    return version, reading_of(version)


def reading_of(version: Version) -> Reading:
    """Return how a semantic version is read where nothing refuses it. A variant in the metadata comes before the plain version."""
    variant = variant_of(version.metadata)
    return Reading(
        key=(*version.key, not variant),
        version=str(version),
        prerelease=bool(version.pre),
        major=version.major,
        family="-".join(part for part in (family_of(version.pre), variant) if part),
    )


def variant_of(metadata: str) -> str:
    """Return the variant that build metadata names: words alone (``windows``); with a number in it, it names a build."""
    return family_of(metadata) if metadata and not _DIGIT.search(metadata) else ""


def refused(reading: Reading, refusal: str) -> Reading:
    """Return ``reading`` with a refusal."""
    return Reading(reading.key, reading.version, refusal, reading.prerelease, reading.major, reading.family)
