"""Argo CD Image Updater's strategies: semver, newest-build, alphabetical, digest; which tags are allowed and which ignored. PURE.

``semver`` takes Helm's ranges, an empty one for any release. ``newest-build`` orders by when an image was made; where a source
does not tell, by our own first sight. ``digest`` follows one mutable tag, which its rule names.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import msgspec

from control_plane.domain.versions.dialects.flux1 import NEVER, made_at
from control_plane.domain.versions.dialects.helm import range_rule
from control_plane.domain.versions.families import traits_of
from control_plane.domain.versions.file_patterns import file_match
from control_plane.domain.versions.patterns import Pattern
from control_plane.domain.versions.patterns import compile_pattern as compile_tag_pattern
from control_plane.domain.versions.policy import Reading, Rule, Tag
from control_plane.domain.versions.ranges import InvalidRange, parse_range
from control_plane.domain.versions.semver import InvalidVersion, parse

Strategy = Literal["semver", "newest-build", "alphabetical", "digest"]
ANY = ("", "*", "any")


class Traits(msgspec.Struct, frozen=True):
    """What a strategy asks for. ``cacheable``: what was learned of a tag once stays true.

    ``needs_metadata``: it must know when an image was made. ``needs_constraint``: it is nothing without a rule.
    ``only_constraint_tag``: it looks at no tag but the one that the rule names.
    """

    cacheable: bool = True
    needs_metadata: bool = False
    needs_constraint: bool = False
    only_constraint_tag: bool = False


TRAITS: dict[Strategy, Traits] = {
    "semver": Traits(),
    "newest-build": Traits(needs_metadata=True),
    "alphabetical": Traits(),
    "digest": Traits(cacheable=False, needs_constraint=True, only_constraint_tag=True),
}


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
    if text == "" or text.lower() == "any":
        return Allowed(text, None, all=True)
    kind, colon, expression = text.partition(":")
    if not colon or kind.lower() != "regexp":
        return Allowed(text, None, all=False)
    try:
        return Allowed(text, compile_tag_pattern(f"regexp:{expression}"), all=False)
    except InvalidRange:
        return Allowed(text, None, all=False)


class NewestBuild(msgspec.Struct, frozen=True):
    """The image made last, of those allowed."""

    allowed: Allowed

    def read(self, text: str, tag: Tag) -> Reading:
        """Return when the tag was made."""
        refusal = "" if self.allowed.matches(text) else f"not allowed by {self.allowed.text}"
        return Reading((made_at(tag) or NEVER,), text, refusal, *traits_of(text))


class Alphabetical(msgspec.Struct, frozen=True):
    """The last in the alphabet (by bytes), of those allowed."""

    allowed: Allowed

    def read(self, text: str, tag: Tag) -> Reading:  # noqa: ARG002 - all is in the text
        """Return the text's place in the alphabet."""
        refusal = "" if self.allowed.matches(text) else f"not allowed by {self.allowed.text}"
        return Reading((text,), text, refusal, *traits_of(text))


class Digest(msgspec.Struct, frozen=True):
    """The very tag that the rule names."""

    followed: str

    def read(self, text: str, tag: Tag) -> Reading:  # noqa: ARG002 - all is in the text
        """Return whether it is the tag."""
        refusal = "" if text == self.followed else f"only {self.followed} is followed"
        return Reading(key=(text == self.followed,), version=text, refusal=refusal)


def compile_semver(rule: str, *, current: str) -> Rule:
    """Return the rule of the strategy ``semver``: a range, or nothing for any release. Raises ``InvalidRange``."""
    return range_rule(rule or "*", parse, current)


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
    """Read a person's own rule: one that lets nothing through is a mistake, not a policy. Raises ``InvalidRange``."""
    kind, colon, expression = rule.partition(":")
    if colon and kind.lower() in ("regexp", "regex"):
        return Allowed(rule, compile_tag_pattern(f"regexp:{expression}"), all=False)
    if rule.lower() not in ANY:
        raise InvalidRange(f"{rule[:80]!r}: any, or regexp:…")
    return Allowed(rule, None, all=True)


def in_order(strategy: Strategy, tags: Iterable[Tag]) -> list[Tag]:
    """Return tags, oldest first, as ``strategy`` orders them; ties by name. ``semver`` leaves out what is no version."""
    unique = {tag.name: tag for tag in tags}.values()
    keys = [(_key(strategy, tag), tag.name, tag) for tag in unique]
    return [tag for _, _, tag in sorted((one for one in keys if one[0] is not None), key=lambda one: one[:2])]


def _key(strategy: Strategy, tag: Tag) -> Any:
    """Return a tag's place, None where it has none."""
    if strategy == "semver":
        try:
            return parse(tag.name).key
        except InvalidVersion:
            return None
    return (made_at(tag) or NEVER) if strategy == "newest-build" else ()


def select(strategy: Strategy, constraint: str, tags: Iterable[Tag]) -> Tag | None:
    """Return the tag that Argo CD Image Updater takes, None where there is none. Raises ``InvalidRange`` if it matters.

    ``constraint`` is the range of ``semver`` (empty: every version, pre-releases too) and the very tag of ``digest``.
    """
    ordered = in_order(strategy, tags)
    is_wanted = _constraint(strategy, constraint if ordered else "")
    return next((tag for tag in reversed(ordered) if is_wanted(tag.name)), None)


def _constraint(strategy: Strategy, text: str) -> Callable[[str], bool]:
    if strategy == "digest":
        return lambda name: name == text
    if strategy != "semver" or not text:
        return lambda _: True
    accepted = parse_range(text)
    return lambda name: accepted.contains(parse(name))


def is_same(a: Tag, b: Tag) -> bool:
    """Return whether two tags are the same image: by their digests where one of them has any, else by their names."""
    return a.digest == b.digest if a.digest or b.digest else a.name == b.name


def is_ignored(tag: str, ignore: Sequence[str]) -> bool:
    """Return whether ``ignore-tags`` (patterns of Go's ``filepath.Match``) names a tag; what cannot be read names none."""
    return any(file_match(pattern, tag) for pattern in ignore)
