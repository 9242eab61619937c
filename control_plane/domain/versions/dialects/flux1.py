"""Flux v1's tag patterns: ``semver:~1``, ``glob:3.*``, ``regex:^v[0-9]+$``, or a glob without its name. PURE.

A glob and a regular expression say which tags; Flux v1 then takes the one made last. Where a source does not tell when a
tag was made, our own first sight of it counts.
"""

from datetime import UTC, datetime

import msgspec

from control_plane.domain.versions.patterns import Pattern
from control_plane.domain.versions.patterns import compile_pattern as compile_tag_pattern
from control_plane.domain.versions.policy import Reading, Rule, Tag
from control_plane.domain.versions.ranges import Range, parse_range
from control_plane.domain.versions.semver import InvalidVersion, Version, parse

NEVER = datetime.min.replace(tzinfo=UTC)
ALL_BUT = "latest"  # what the pattern for all tags leaves out


class SemverPattern(msgspec.Struct, frozen=True):
    """``semver:`` and a range; the newest version of it."""

    accepted: Range

    def matches(self, tag: str) -> bool:
        """Return whether ``tag`` is a version of the range."""
        version = _version(tag)
        return version is not None and self.accepted.contains(version)

    def read(self, text: str, tag: Tag) -> Reading:  # noqa: ARG002 - all is in the text
        """Return the version's order and whether the range wants it."""
        version = _version(text)
        if version is None:
            return Reading(key=None, refusal=f"{text[:80]!r} is no semantic version")
        refusal = self.accepted.refusal(version)
        return Reading(version.key, str(version), refusal, bool(version.pre), version.major)


class TagPattern(msgspec.Struct, frozen=True):
    """``glob:`` or ``regex:``; of the tags that match, the one made last."""

    text: str
    pattern: Pattern

    def matches(self, tag: str) -> bool:
        """Return whether ``tag`` matches. The glob for all tags leaves ``latest`` out of lists, not of matching."""
        return self.pattern.matches(tag)

    def read(self, text: str, tag: Tag) -> Reading:
        """Return when the tag was made and whether the pattern wants it."""
        refusal = "" if self.matches(text) else f"does not match {self.text}"
        if not refusal and self.is_for_all and text == ALL_BUT:
            refusal = "latest is no version: name it to follow it"
        return Reading(key=(tag.created_at or tag.first_seen_at or NEVER,), version=text, refusal=refusal)

    @property
    def is_for_all(self) -> bool:
        """Say whether the pattern is the glob for all tags."""
        return self.text == "glob:*"


TagRule = SemverPattern | TagPattern


def parse_pattern(text: str) -> TagRule:
    """Return what ``text`` means to Flux v1. Raises ``InvalidRange``."""
    kind, colon, rest = text.partition(":")
    if colon and kind == "semver":
        return SemverPattern(parse_range(rest))
    if colon and kind in ("regex", "regexp"):
        return TagPattern(text, compile_tag_pattern(f"regex:{rest}"))
    wanted = text if colon and kind == "glob" else f"glob:{text}"
    return TagPattern(wanted, compile_tag_pattern(wanted))


def compile_pattern(rule: str, *, current: str) -> Rule:  # noqa: ARG001 - a pattern does not depend on what is followed now
    """Return the rule that a pattern makes. Raises ``InvalidRange``."""
    return parse_pattern(rule)


def _version(text: str) -> Version | None:
    try:
        return parse(text)
    except InvalidVersion:
        return None
