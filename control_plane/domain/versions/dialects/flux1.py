"""Flux v1's tag patterns: ``semver:~1``, ``glob:3.*``, ``regex:^v[0-9]+$``, or a glob without its name. PURE.

A glob and a regular expression say which tags; Flux v1 then takes the one made last. Where a source does not tell when a
tag was made, our own first sight of it counts. ``latest`` is followed only by the pattern ``latest``. A range or a regular
expression that cannot be read is refused here, where Flux lets everything through.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from control_plane.domain.versions.dialects.helm import RangeRule, range_rule
from control_plane.domain.versions.families import traits_of
from control_plane.domain.versions.patterns import Pattern
from control_plane.domain.versions.patterns import compile_pattern as compile_tag_pattern
from control_plane.domain.versions.policy import Reading, Rule, Tag
from control_plane.domain.versions.semver import parse

NEVER = datetime.min.replace(tzinfo=UTC)
LATEST = "latest"  # left out in any case of letters, but for the pattern that names it
KINDS = {"semver": "semver", "glob": "glob", "regexp": "regexp", "regex": "regexp"}


class SemverPattern(msgspec.Struct, frozen=True):
    """``semver:`` and a range; the newest version of it."""

    rule: RangeRule

    def matches(self, tag: str) -> bool:
        """Return whether ``tag`` is a version of the range."""
        return not self.rule.read(tag, Tag(name=tag)).refusal

    def read(self, text: str, tag: Tag) -> Reading:
        """Return the version's order and whether the range wants it."""
        return self.rule.read(text, tag)

    def with_prereleases(self) -> "SemverPattern":
        """Return the same pattern that wants pre-releases too."""
        return SemverPattern(self.rule.with_prereleases())


class TagPattern(msgspec.Struct, frozen=True):
    """``glob:`` or ``regexp:``; of the tags that match, the one made last. ``text`` has its kind in front."""

    text: str
    pattern: Pattern

    def matches(self, tag: str) -> bool:
        """Return whether ``tag`` matches. ``latest`` is left out of lists, not of matching."""
        return self.pattern.matches(tag)

    def read(self, text: str, tag: Tag) -> Reading:
        """Return when the tag was made and whether the pattern wants it."""
        refusal = "" if self.matches(text) else f"does not match {self.text}"
        if not refusal and text.lower() == LATEST and self.text != f"glob:{LATEST}":
            refusal = f"{text} is no version: the pattern glob:{LATEST} follows it"
        return Reading((made_at(tag) or NEVER,), text, refusal, *traits_of(text))


TagRule = SemverPattern | TagPattern


def made_at(tag: Tag) -> datetime | None:
    """Return when a tag was made, or else when we saw it first; None where neither is known."""
    return tag.created_at or tag.first_seen_at


def parse_pattern(text: str, current: str = "") -> TagRule:
    """Return what ``text`` means to Flux v1 where ``current`` is followed. Raises ``InvalidRange``."""
    kind, colon, rest = text.partition(":")
    known = KINDS.get(kind) if colon else None
    if known == "semver":
        return SemverPattern(range_rule(rest, parse, current))
    wanted = f"{known}:{rest}" if known else f"glob:{text}"
    return TagPattern(wanted, compile_tag_pattern(wanted))


def compile_pattern(rule: str, *, current: str) -> Rule:
    """Return the rule that a pattern makes. Raises ``InvalidRange``."""
    return parse_pattern(rule, current)


def newest_first(rule: TagRule, tags: Iterable[Tag]) -> list[Tag]:
    """Return the tags that Flux v1 lists for a pattern, newest first.

    Of versions that are the same the fully written one is newer (1.10.0 before 1.10); of tags made at once the first in the alphabet.
    """
    by_name = sorted(tags, key=lambda tag: tag.name, reverse=isinstance(rule, SemverPattern))
    readings = [(rule.read(tag.name, tag), tag) for tag in by_name]
    listed = [(reading.key, tag) for reading, tag in readings if reading.key is not None and not reading.refusal]
    return [tag for _, tag in sorted(listed, key=lambda one: one[0], reverse=True)]


def update_of(rule: TagRule, current: str, tags: Iterable[Tag]) -> Tag | None:
    """Return the tag to which Flux v1 updates an image that runs ``current``, None where it leaves it.

    It leaves it where the newest one has no tag, or where time decides and is not known of both.
    """
    known = {tag.name: tag for tag in tags}
    newest = next(iter(newest_first(rule, known.values())), None)
    if newest is None or newest.name in ("", current):
        return None
    followed = known.get(current, Tag(name=current))
    if isinstance(rule, TagPattern) and (made_at(newest) is None or made_at(followed) is None):
        return None
    return newest
