"""Patterns of tags: ``glob:3.*``, ``regexp:^v[0-9]+$`` (``regex:`` too; Go's RE2 syntax), or the very text. PURE.

All run in linear time and bounded memory, so that nobody's pattern can hang a look. A regular expression is searched for, as in
Go; a glob is the whole text, ``*`` its only wildcard (as in Keel and Flux v1), which may stand for nothing.
"""

import re
from functools import lru_cache
from typing import Any

import msgspec
import re2  # type: ignore[import-untyped]  # it ships no types

from control_plane.domain.versions.ranges import InvalidRange

MAX_LENGTH = 1_024  # characters of a pattern
MAX_MEMORY = 1 << 20  # bytes that a compiled one may take
REMEMBERED = 131_072  # answers: of a pattern for a text
REFERENCE = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,7}")  # of a group; with a zero in front it is a name
_PIECE = re.compile(r"\\Q.*?(?:\\E|\Z)|\\(.)|[^\\]++", re.DOTALL)


class Pattern(msgspec.Struct, frozen=True):
    """A pattern, compiled."""

    text: str
    compiled: Any

    def matches(self, text: str) -> bool:
        """Return whether ``text`` matches."""
        return self.compiled.search(text) is not None

    def expand(self, text: str, template: str) -> str | None:
        """Return ``template`` with the groups of the match in ``text`` put in, None where it does not match.

        As Go's ``Regexp.Expand``: ``$1x`` is ``${1x}``; a group that is not there is empty; ``$$`` is a dollar.
        """
        match = self.compiled.search(text)
        return None if match is None else REFERENCE.sub(lambda found: _group(match, found), template)


def _group(match: Any, found: re.Match[str]) -> str:
    if found[1]:
        return "$"
    name = found[2] or found[3]
    if _NUMBER.fullmatch(name):
        return (match[int(name)] or "") if int(name) <= match.re.groups else ""
    return match.groupdict().get(name) or ""


@lru_cache(REMEMBERED)
def matches(pattern: str, text: str) -> bool:
    """Return whether ``text`` matches; remembered, because the same tags are looked at again and again. Raises ``InvalidRange``."""
    return compile_pattern(pattern).matches(text)


@lru_cache(REMEMBERED)
def expand(pattern: str, template: str, text: str) -> str | None:
    """Return what ``Pattern.expand`` does, remembered. Raises ``InvalidRange``."""
    return compile_pattern(pattern).expand(text, template)


@lru_cache(1_024)
def compile_pattern(text: str) -> Pattern:
    """Return the compiled pattern. Raises ``InvalidRange``."""
    if len(text) > MAX_LENGTH:
        raise InvalidRange(f"pattern {text[:40]!r}…: {len(text)} characters; at most {MAX_LENGTH} are allowed")
    kind, colon, rest = text.partition(":")
    if colon and kind in ("regexp", "regex"):
        return Pattern(text, _compiled(text, rest))
    wanted = ".*".join(map(re2.escape, rest.split("*"))) if colon and kind == "glob" else re2.escape(text)
    return Pattern(text, _compiled(text, rf"(?s)\A{wanted}\z"))


def _compiled(text: str, expression: str) -> Any:
    if any(piece[1] == "C" for piece in _PIECE.finditer(expression)):
        raise InvalidRange(f"pattern {text!r}: \\C, a single byte, cannot be used: texts are of characters")
    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.log_errors = False
    try:
        compiled = re2.compile(expression, options)
    except re2.error as error:
        why = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        raise InvalidRange(f"pattern {text!r}: no regular expression in RE2 syntax: {why}") from None
    if strange := next((name for name in compiled.groupindex if not name.isascii()), ""):
        raise InvalidRange(f"pattern {text!r}: the name of a group, {strange!r}, has other letters than A to Z")
    return compiled
