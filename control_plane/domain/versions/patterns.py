"""Patterns of tags: ``glob:3.*``, ``regexp:^v[0-9]+$`` (``regex:`` too; Go's RE2 syntax), or the very text. PURE.

All run in linear time and bounded memory, so that nobody's pattern can hang a look. A regular expression is searched for, as in
Go; a glob is the whole text, ``*`` its only wildcard (as in Keel and Flux v1), which may stand for nothing.
"""

import re
from functools import lru_cache
from typing import Any, Protocol

import msgspec
import re2  # type: ignore[import-untyped]  # it ships no types

from control_plane.domain.versions.ranges import InvalidRange

MAX_LENGTH = 1_024  # characters of a pattern
MAX_MEMORY = 1 << 20  # bytes that a compiled one may take
MAX_SIZE = 10_000  # steps that it may have: each character of a text may cost as many. A class such as \pL has 1,200
REMEMBERED = 131_072  # answers of regular expressions: the same tags are looked at again and again
REFERENCE = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,7}")  # of a group; with a zero in front it is a name
# Of an expression: a quotation, an escape (1), a class, the opening of a group (2) with its name (3), or something else.
_TOKEN = re.compile(
    r"\\Q.*?(?:\\E|\Z)|\\(.)|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*+\]|(\()(?:\?P?<(\w+)>|(?!\?))|.", re.DOTALL
)


class Pattern(Protocol):
    """A pattern, compiled."""

    @property
    def text(self) -> str:
        """What the person wrote."""

    @property
    def groups(self) -> frozenset[str]:
        """The names of its groups."""

    def matches(self, text: str) -> bool:
        """Return whether ``text`` matches."""

    def expand(self, text: str, template: str) -> str | None:
        """Return ``template`` with the groups of the match in ``text`` put in, None where it does not match.

        As Go's ``Regexp.Expand``: ``$1x`` is ``${1x}``; a group that is not there is empty; ``$$`` is a dollar.
        """


class Glob(msgspec.Struct, frozen=True):
    """A whole text: ``pieces`` of it one after the other, and between them anything."""

    text: str
    pieces: tuple[str, ...]
    groups: frozenset[str] = frozenset()

    def matches(self, text: str) -> bool:
        """See ``Pattern``. Each piece is looked for once, from where the last one ended."""
        first, *others = self.pieces
        if not others:
            return text == first
        last = others.pop()
        if not (text.startswith(first) and text.endswith(last)):
            return False
        place, end = len(first), len(text) - len(last)
        for piece in others:
            place = text.find(piece, place, end)
            if place < 0:
                return False
            place += len(piece)
        return place <= end

    def expand(self, text: str, template: str) -> str | None:
        """See ``Pattern``. The only group is the whole text."""
        if not self.matches(text):
            return None
        return REFERENCE.sub(lambda one: {"$": "$", "0": text}.get(one[1] or one[2] or one[3], ""), template)


class Expression(msgspec.Struct, frozen=True):
    """A regular expression, ``compiled`` by RE2."""

    text: str
    compiled: Any
    groups: frozenset[str]

    def matches(self, text: str) -> bool:
        """See ``Pattern``."""
        return _is_found(self.compiled, text)

    def expand(self, text: str, template: str) -> str | None:
        """See ``Pattern``."""
        return _expanded(self.compiled, template, text)


@lru_cache(REMEMBERED)
def _is_found(compiled: Any, text: str) -> bool:
    return _search(compiled, text) is not None


@lru_cache(REMEMBERED)
def _expanded(compiled: Any, template: str, text: str) -> str | None:
    match = _search(compiled, text)
    if match is None:
        return None
    return "".join([one if isinstance(one, str) else _first(match, one) for one in _pieces(compiled, template)])


def _first(match: Any, groups: tuple[int, ...]) -> str:
    """Return what the first of some groups found that take part in the match; as in Go, several may have one name."""
    return next((found.decode() for group in groups if (found := match[group]) is not None), "")


def _search(compiled: Any, text: str) -> Any:
    """Search bytes: of texts the library counts the characters besides. Half a surrogate, which no tag has, matches nothing."""
    try:
        return compiled.search(text.encode())
    except UnicodeEncodeError:
        return None


@lru_cache(1_024)
def _pieces(compiled: Any, template: str) -> tuple[str | tuple[int, ...], ...]:
    """Return a template as texts and groups; what names no group is an empty text."""
    found: list[str | tuple[int, ...]] = []
    end = 0
    for reference in REFERENCE.finditer(template):
        found += [template[end : reference.start()], _group(compiled, reference)]
        end = reference.end()
    return *found, template[end:]


def _group(compiled: Any, reference: re.Match[str]) -> str | tuple[int, ...]:
    if reference[1]:
        return "$"
    name = reference[2] or reference[3]
    if _NUMBER.fullmatch(name):
        return (int(name),) if int(name) <= compiled.groups else ""
    names = [token[3] for token in _TOKEN.finditer(compiled.pattern) if token[2]]  # RE2 tells one of each
    return tuple(place for place, other in enumerate(names, 1) if other == name)


@lru_cache(1_024)
def compile_pattern(text: str) -> Pattern:
    """Return the compiled pattern. Raises ``InvalidRange``."""
    if len(text) > MAX_LENGTH:
        raise InvalidRange(f"pattern {text[:40]!r}…: {len(text)} characters; at most {MAX_LENGTH} are allowed")
    kind, colon, rest = text.partition(":")
    if colon and kind in ("regexp", "regex"):
        return _expression(text, rest)
    return Glob(text, tuple(rest.split("*")) if colon and kind == "glob" else (text,))


def _expression(text: str, expression: str) -> Expression:
    if any(token[1] == "C" for token in _TOKEN.finditer(expression)):
        raise InvalidRange(f"pattern {text!r}: \\C, a single byte, cannot be used: texts are of characters")
    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.log_errors = False
    try:
        compiled = re2.compile(expression, options)
    except (re2.error, UnicodeEncodeError) as error:
        why = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        raise InvalidRange(f"pattern {text!r}: no regular expression in RE2 syntax: {why}") from None
    if compiled.programsize > MAX_SIZE:
        raise InvalidRange(
            f"pattern {text!r}: {compiled.programsize} steps when compiled; at most {MAX_SIZE} are allowed"
        )
    groups = frozenset(compiled.groupindex)
    if strange := next((name for name in groups if not name.isascii()), ""):
        raise InvalidRange(f"pattern {text!r}: the name of a group, {strange!r}, has other letters than A to Z")
    return Expression(text, compiled, groups)
