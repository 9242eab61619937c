"""Helm's ranges over semantic versions (Masterminds/semver): ``>=2.2.8 <3``, ``^1.2 || ~2.3``, ``2.x``. PURE.

A chart's OCI tag has ``_`` where its version has ``+``: a text that is no version as it stands is read so, as Helm reads it.
"""

from functools import lru_cache

import msgspec

from control_plane.domain.versions.families import family_of
from control_plane.domain.versions.helm import version_of_tag
from control_plane.domain.versions.policy import Reading, Rule, Tag
from control_plane.domain.versions.ranges import Range, parse_range
from control_plane.domain.versions.semver import InvalidVersion, Version, parse

REMEMBERED = 65_536  # texts: a repository is looked at again and again, and few of its tags are new


class RangeRule(msgspec.Struct, frozen=True):
    """A range, compiled."""

    accepted: Range

    def read(self, text: str, tag: Tag) -> Reading:  # noqa: ARG002 - all is in the text
        """Return the version's order and whether the range wants it."""
        version, reading = read_version(text)
        refusal = self.accepted.refusal(version) if version is not None else ""
        return refused(reading, refusal) if refusal else reading


def compile_range(rule: str, *, current: str) -> Rule:  # noqa: ARG001 - a range does not depend on what is followed now
    """Return the rule that ``rule``, a range, makes. Raises ``InvalidRange``."""
    return RangeRule(parse_range(rule))


@lru_cache(REMEMBERED)
def read_version(text: str) -> tuple[Version | None, Reading]:
    """Return the version that ``text`` stands for (None: it is none) and its reading as a rule that wants everything makes it."""
    try:
        version = parse(version_of_tag(text))
    except InvalidVersion as error:
        return None, Reading(key=None, refusal=str(error))
    return version, reading_of(version)


def reading_of(version: Version) -> Reading:
    """Return how a semantic version is read where nothing refuses it."""
    return Reading(
        key=version.key,
        version=str(version),
        prerelease=bool(version.pre),
        major=version.major,
        family=family_of(version.pre),
    )


def refused(reading: Reading, refusal: str) -> Reading:
    """Return ``reading`` with a refusal."""
    return Reading(reading.key, reading.version, refusal, reading.prerelease, reading.major, reading.family)
