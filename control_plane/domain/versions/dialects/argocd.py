"""Argo CD Image Updater's strategies: semver, newest-build, alphabetical, digest; which tags are allowed and which ignored. PURE.

``semver`` takes Helm's ranges, an empty one for any release. ``newest-build`` orders by when an image was made; where a source
does not tell, by our own first sight. ``digest`` follows one mutable tag, which its rule names.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from control_plane.domain.versions.dialects.helm import compile_range
from control_plane.domain.versions.patterns import Pattern
from control_plane.domain.versions.patterns import compile_pattern as compile_tag_pattern
from control_plane.domain.versions.policy import Reading, Rule, Tag
from control_plane.domain.versions.ranges import InvalidRange

NEVER = datetime.min.replace(tzinfo=UTC)
ANY = ("", "*", "any")


class Allowed(msgspec.Struct, frozen=True):
    """Which tags ``allow-tags`` lets through: ``any``, ``regexp:…``; something else lets none through."""

    text: str
    pattern: Pattern | None
    all: bool

    def matches(self, tag: str) -> bool:
        """Return whether ``tag`` is let through."""
        return self.all or (self.pattern is not None and self.pattern.matches(tag))


def allowed(text: str) -> Allowed:
    """Return what ``allow-tags`` means; a text that cannot be read lets nothing through, as with Argo CD."""
    if text in ANY:
        return Allowed(text, None, all=True)
    if not text.startswith("regexp:"):
        return Allowed(text, None, all=False)
    try:
        return Allowed(text, compile_tag_pattern(text), all=False)
    except InvalidRange:
        return Allowed(text, None, all=False)


class NewestBuild(msgspec.Struct, frozen=True):
    """The image made last, of those allowed."""

    allowed: Allowed

    def read(self, text: str, tag: Tag) -> Reading:
        """Return when the tag was made."""
        refusal = "" if self.allowed.matches(text) else f"not allowed by {self.allowed.text}"
        return Reading(key=(tag.created_at or tag.first_seen_at or NEVER,), version=text, refusal=refusal)


class Alphabetical(msgspec.Struct, frozen=True):
    """The last in the alphabet (by bytes), of those allowed."""

    allowed: Allowed

    def read(self, text: str, tag: Tag) -> Reading:  # noqa: ARG002 - all is in the text
        """Return the text's place in the alphabet."""
        refusal = "" if self.allowed.matches(text) else f"not allowed by {self.allowed.text}"
        return Reading(key=(text.encode(),), version=text, refusal=refusal)


class Digest(msgspec.Struct, frozen=True):
    """The very tag that the rule names."""

    followed: str

    def read(self, text: str, tag: Tag) -> Reading:  # noqa: ARG002 - all is in the text
        """Return whether it is the tag."""
        refusal = "" if text == self.followed else f"only {self.followed} is followed"
        return Reading(key=(text == self.followed,), version=text, refusal=refusal)


def compile_semver(rule: str, *, current: str) -> Rule:
    """Return the rule of the strategy ``semver``: a range, or nothing for any release. Raises ``InvalidRange``."""
    return compile_range(rule or "*", current=current)


def compile_newest_build(rule: str, *, current: str) -> Rule:  # noqa: ARG001 - time alone decides
    """Return the rule of ``newest-build``; ``rule`` is an ``allow-tags`` expression. Raises ``InvalidRange``."""
    return NewestBuild(_checked(rule))


def compile_alphabetical(rule: str, *, current: str) -> Rule:  # noqa: ARG001 - the alphabet alone decides
    """Return the rule of ``alphabetical``; ``rule`` is an ``allow-tags`` expression. Raises ``InvalidRange``."""
    return Alphabetical(_checked(rule))


def compile_digest(rule: str, *, current: str) -> Rule:
    """Return the rule of ``digest``: it follows the tag ``rule`` names, or what is followed now. Raises ``InvalidRange``."""
    followed = rule if rule not in ANY else current
    if not followed:
        raise InvalidRange("which tag is to be followed? the rule of argocd-digest is a tag, for example latest")
    return Digest(followed)


def _checked(rule: str) -> Allowed:
    """A person's own rule that lets nothing through is a mistake, not a policy."""
    if rule.startswith(("regexp:", "regex:")):
        compile_tag_pattern(rule)
    found = allowed(rule.replace("regex:", "regexp:", 1) if rule.startswith("regex:") else rule)
    if not found.all and found.pattern is None:
        raise InvalidRange(f"{rule[:80]!r}: any, or regexp:…")
    return found


def is_ignored(tag: str, ignore: Sequence[str]) -> bool:
    """Return whether ``ignore-tags`` (patterns of Go's ``filepath.Match``) names a tag; what cannot be read names none."""
    return any(file_match(pattern, tag) for pattern in ignore)


def file_match(pattern: str, text: str) -> bool:
    """Match as Go's ``filepath.Match``: ``*`` and ``?`` do not cross a slash, ``[a-z]`` and ``[^a-z]``, a backslash escapes."""
    expression = _file_expression(pattern)
    if expression is None:
        return False
    try:
        return compile_tag_pattern(f"regexp:{expression}").matches(text)
    except InvalidRange:
        return False


def _file_expression(pattern: str) -> str | None:
    """Return the regular expression of a ``filepath.Match`` pattern, None for one that Go refuses."""
    token = re.compile(r"(\*+)|(\?)|\[(\^?)((?:\\.|[^\]\\])+)\]|\\(.)|([^\[\\])", re.DOTALL)
    position, parts = 0, []
    while position < len(pattern):
        found = token.match(pattern, position)
        if found is None:
            return None
        star, question, negated, inside, escaped, plain = found.groups()
        if star:
            parts.append("[^/]*")
        elif question:
            parts.append("[^/]")
        elif inside is not None:
            parts.append(f"[{negated or ''}{inside}]")
        else:
            parts.append(re.escape(escaped or plain))
        position = found.end()
    return r"(?s)\A" + "".join(parts) + r"\z"
