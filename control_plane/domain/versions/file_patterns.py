"""Patterns of file names as Go's ``filepath.Match`` reads them: Argo CD's ``ignore-tags``, Helm's ``.helmignore``. PURE.

``*`` and ``?`` do not cross a slash; ``[a-z]`` and ``[^a-z]`` are classes; a backslash escapes. They become RE2: linear time.
"""

import re
from functools import lru_cache

from control_plane.domain.versions.patterns import Pattern, compile_pattern
from control_plane.domain.versions.ranges import InvalidRange

_ONE = r"(?:\\(.)|([^\\\]-]))"  # a character inside brackets: - and ] only after a backslash
_RANGE = re.compile(rf"{_ONE}(?:-{_ONE})?", re.DOTALL)
_TOKEN = re.compile(rf"(\*+)|(\?)|\[(\^?+)((?:{_RANGE.pattern})+)\]|\\(.)|([^\[\\])", re.DOTALL)


def file_match(pattern: str, text: str) -> bool:
    """Say whether ``pattern`` matches the whole of ``text``; one that cannot be read matches nothing."""
    compiled = file_pattern(pattern)
    return compiled is not None and compiled.matches(text)


@lru_cache(1_024)
def file_pattern(pattern: str) -> Pattern | None:
    """Return the compiled pattern, None for one that Go refuses or that is too large."""
    position, parts = 0, []
    while position < len(pattern):
        found = _TOKEN.match(pattern, position)
        if found is None:
            return None
        parts.append(_expression(found))
        position = found.end()
    try:
        return compile_pattern(r"regexp:(?s)\A" + "".join(parts) + r"\z")
    except InvalidRange:
        return None


def _expression(token: re.Match[str]) -> str:
    """Return the RE2 expression of one piece of a ``filepath.Match`` pattern."""
    if token[1]:
        return "[^/]*"
    if token[2]:
        return "[^/]"
    if token[4]:
        return _class(token[4], negated=bool(token[3]))
    return _code(token[9] or token[10])


def _class(inside: str, *, negated: bool) -> str:
    """Return a character class; a range that runs backwards (``z-a``) has no character."""
    pairs = [(found[1] or found[2], found[3] or found[4] or found[1] or found[2]) for found in _RANGE.finditer(inside)]
    ranges = "".join(f"{_code(low)}-{_code(high)}" for low, high in pairs if low <= high)
    if not ranges:
        return "." if negated else r"[^\x{0}-\x{10FFFF}]"
    return f"[{'^' if negated else ''}{ranges}]"


def _code(character: str) -> str:
    if character.isascii() and character.isalnum():
        return character
    return rf"\x{{{ord(character):X}}}"
