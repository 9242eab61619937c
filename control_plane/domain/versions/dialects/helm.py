"""Helm's ranges over semantic versions (Masterminds/semver): ``>=2.2.8 <3``, ``^1.2 || ~2.3``, ``2.x``. PURE.

A chart's OCI tag has ``_`` where its version has ``+``, and is read back so, as Helm reads it.
"""

import re
from collections.abc import Callable

import msgspec

from control_plane.domain.versions.families import family_of, is_early
from control_plane.domain.versions.helm import version_of_tag
from control_plane.domain.versions.policy import Reading, Rule, Tag
from control_plane.domain.versions.ranges import NOT_ASKED, Range, parse_range
from control_plane.domain.versions.semver import InvalidVersion, Version, parse

_DIGIT = re.compile("[0-9]")
ReadVersion = Callable[[str], Version]


class RangeRule(msgspec.Struct, frozen=True):
    """A range, compiled. ``read_version`` makes a version of a text, or raises ``InvalidVersion``.

    ``followed`` is the variant of what is followed now. ``prereleases``: those inside the range are wanted even where it does not
    ask for them.
    """

    accepted: Range
    read_version: ReadVersion
    followed: str = ""
    prereleases: bool = False

    def with_prereleases(self) -> "RangeRule":
        """Return the same rule that wants pre-releases too."""
        return RangeRule(self.accepted, self.read_version, self.followed, prereleases=True)

    def read(self, text: str, tag: Tag) -> Reading:  # noqa: ARG002 - all is in the text
        """Return the version's order and whether the range wants it."""
        try:
            version = self.read_version(text)
        except InvalidVersion as error:
            return Reading(None, refusal=str(error))
        refusal = self.accepted.refusal(version, include_prereleases=self.prereleases)
        if refusal is NOT_ASKED:
            return reading_of(version, self._suffix_refusal(version.pre))
        return reading_of(version, refusal)

    def _suffix_refusal(self, suffix: str) -> str:
        """Return why a version with a suffix is not wanted. To SemVer each is a pre-release; to people ``alpine`` is another image."""
        if is_early(suffix):
            return NOT_ASKED
        variant = family_of(suffix)
        if variant == self.followed:
            return f"the range does not ask for the variant {variant!r}: with -0 behind a version it does"
        return f"another variant: {variant!r}, and the range does not ask for it"


def compile_range(rule: str, *, current: str) -> Rule:
    """Return the rule that ``rule``, a range, makes. Raises ``InvalidRange``."""
    return range_rule(rule, read_chart_version, current)


def range_rule(text: str, read_version: ReadVersion, current: str) -> RangeRule:
    """Return the rule of a range where ``current`` is followed. Raises ``InvalidRange``."""
    try:
        followed = family_of(read_version(current).pre)
    except InvalidVersion:
        followed = ""
    return RangeRule(parse_range(text), read_version, followed)


def read_chart_version(tag: str) -> Version:
    """Return the version that a chart's tag stands for. Raises ``InvalidVersion``."""
    return parse(version_of_tag(tag))


def reading_of(version: Version, refusal: str = "") -> Reading:
    """Return how a semantic version is read. A variant in the metadata comes before the plain version."""
    pre, metadata = version.pre, version.metadata
    if not (pre or metadata):  # as most are
        return Reading((*version.key, True), str(version), refusal, False, version.major, "")
    family, variant = family_of(pre) if pre else "", variant_of(metadata) if metadata else ""
    named = f"{family}-{variant}" if family and variant else family or variant
    return Reading(
        (*version.key, not variant), str(version), refusal, bool(pre) and is_early(pre), version.major, named
    )


def variant_of(metadata: str) -> str:
    """Return the variant that build metadata names: words alone (``windows``); with a number in it, it names a build."""
    return "" if _DIGIT.search(metadata) else family_of(metadata)


def refused(reading: Reading, refusal: str) -> Reading:
    """Return ``reading`` with a refusal."""
    return Reading(reading.key, reading.version, refusal, reading.prerelease, reading.major, reading.family)
