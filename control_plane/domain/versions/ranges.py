"""Helm's version ranges (the Masterminds/semver grammar): ``>=2.2.8 <3``, ``^1.2 || ~2.3``, ``1.2 - 2.4``, ``2.x``.

PURE. Each comparator becomes one interval of ``Version.key``; a shorter tuple as a bound (``(3,)``) lies below every
version that starts with it, which is what "before 3, its pre-releases included" means. Within an ``||`` part all
comparators must hold; pre-releases match only a part that names one itself. Quirks of the original are kept on
purpose, because Helm and Flux users' ranges mean what Helm and Flux make of them.
"""

import re

import msgspec

from control_plane.domain.versions.semver import InvalidVersion, Key, Version, parse

MAX_LENGTH = 512
MAX_ALTERNATIVES = 32  # parts between ||, as the original has it
_SPACE = r"[\t\n\f\r ]"
_NUMBER = r"[0-9|xX*]++"  # the bar is the original's slip: kept, so that a text means here what it means to Helm
_IDENTIFIERS = r"[0-9A-Za-z-]++(?:\.[0-9A-Za-z-]++)*+"
_VERSION = rf"v?+{_NUMBER}(?:\.{_NUMBER})?+(?:\.{_NUMBER})?+(?:-{_IDENTIFIERS})?+(?:\+{_IDENTIFIERS})?+"
_COMPARATOR = re.compile(rf"(!=|>=|=>|<=|=<|~>|[=><~^]|){_SPACE}*+({_VERSION})")
_SEPARATOR = re.compile(rf"{_SPACE}*+,{_SPACE}*+|{_SPACE}++")
_HYPHENATED = re.compile(rf"{_SPACE}*+({_VERSION}){_SPACE}++-{_SPACE}++({_VERSION}){_SPACE}*+")
_PARTS = re.compile(rf"v?({_NUMBER})(?:\.({_NUMBER}))?(?:\.({_NUMBER}))?(-{_IDENTIFIERS})?(?:\+.*)?")
_WILD = frozenset({"", "x", "X", "*"})
_NO_END: Key = (float("inf"),)
NOT_ASKED = "a pre-release, and the range does not ask for them"


class InvalidRange(ValueError):
    """The text is no range; the message says which piece is wrong."""


class Comparator(msgspec.Struct, frozen=True):
    """One comparator as an interval of keys: from ``low`` (itself not, when ``above``) to ``high`` (itself too, when ``closed``).

    ``hole`` inverts it: everything but the interval, and of the interval what has another pre-release than ``hole_pre``
    where that is set. ``text`` is what the person wrote.
    """

    text: str
    low: Key
    high: Key
    above: bool = False
    closed: bool = False
    hole: bool = False
    hole_pre: Key | None = None

    def refusal(self, key: Key) -> str:
        """Return why a version with ``key`` is outside, or ``""``."""
        if not self.hole and self.low < key < self.high:  # as most are
            return ""
        if key < self.low or (self.above and key == self.low):
            return "" if self.hole else f"older than {self.text} allows"
        if key > self.high or (key == self.high and not self.closed):
            return "" if self.hole else f"newer than {self.text} allows"
        if not self.hole or (self.hole_pre is not None and key[4] != self.hole_pre):
            return ""
        return f"excluded by {self.text}"


class Alternative(msgspec.Struct, frozen=True):
    """One part between ``||``: all comparators must hold. ``prereleases``: one of them names a pre-release."""

    comparators: tuple[Comparator, ...]
    prereleases: bool


class Range(msgspec.Struct, frozen=True):
    """A parsed range; ``text`` is what the person wrote."""

    text: str
    alternatives: tuple[Alternative, ...]

    def refusal(self, version: Version, *, include_prereleases: bool = False) -> str:
        """Return why ``version`` is outside the range (the last alternative's reason), or ``""`` when it is inside."""
        reason, may_be_early = "", include_prereleases or not version.pre
        for alternative in self.alternatives:
            if not (may_be_early or alternative.prereleases):
                reason = NOT_ASKED
                continue
            for comparator in alternative.comparators:
                if reason := comparator.refusal(version.key):
                    break
            else:
                return ""
        return reason

    def contains(self, version: Version, *, include_prereleases: bool = False) -> bool:
        """Return whether ``version`` satisfies the range."""
        return not self.refusal(version, include_prereleases=include_prereleases)


def parse_range(text: str) -> Range:
    """Read a range. Raises ``InvalidRange``; an empty text is none (``*`` means any release)."""
    if len(text) > MAX_LENGTH:
        raise InvalidRange(f"a range has at most {MAX_LENGTH} characters")
    parts = _HYPHENATED.sub(r">= \1, <= \2 ", text).split("||")
    if len(parts) > MAX_ALTERNATIVES:
        raise InvalidRange(f"a range has at most {MAX_ALTERNATIVES} parts between ||")
    return Range(text, tuple(map(_alternative, parts)))


def _alternative(text: str) -> Alternative:
    """Read comparators separated by spaces or commas, in one pass over the text (a hostile one costs no more)."""
    stripped, position, found = text.strip("\t\n\f\r "), 0, []
    while match := _COMPARATOR.match(stripped, position):
        found.append(_comparator(match[0], match[1], match[2]))
        position = match.end()
        if position == len(stripped):
            return Alternative(tuple(item for item, _ in found), any(pre for _, pre in found))
        separator = _SEPARATOR.match(stripped, position)
        if separator is None:
            break
        position = separator.end()
    raise InvalidRange(f"cannot read {stripped[position:][:80] or text!r} as part of a version range")


def _comparator(text: str, operator: str, operand: str) -> tuple[Comparator, bool]:
    """Return the comparator, and whether it names a pre-release."""
    match = _PARTS.fullmatch(operand)
    major, minor, patch, pre = match.groups("") if match else ("", "", "", "")
    known = _known_parts(major, minor, patch)
    numbers = (*(major, minor, patch)[:known], "0", "0", "0")[:3]
    try:
        version = parse(".".join(numbers) + pre)
    except InvalidVersion as error:
        raise InvalidRange(f"in {text!r}: {error}") from None
    return _interval(text, operator, version, known), bool(version.pre)


def _known_parts(major: str, minor: str, patch: str) -> int:
    """Return how many numbers a person fixed: ``2.x`` has 1, ``*`` has 0."""
    for count, part in enumerate((major, minor, patch)):
        if part in _WILD:
            return count
    return 3


def _interval(text: str, operator: str, version: Version, known: int) -> Comparator:
    key = version.key
    match operator:
        case ">=" | "=>":
            return Comparator(text, key, _NO_END)
        case "<":
            return Comparator(text, (), key)
        case ">":
            low = _next(version, known) if known in (1, 2) else key
            return Comparator(text, low, _NO_END, above=True)
        case "<=" | "=<":
            # `<=*` is `<=0.0.x` to the original, too.
            return (
                Comparator(text, (), key, closed=True)
                if known == 3
                else Comparator(text, (), _next(version, known or 2))
            )
        case "!=":
            return _hole(text, version, known)
        case "~" | "~>":
            return Comparator(text, key, _tilde_end(version, known))
        case "^":
            return Comparator(text, key, _caret_end(version, known))
    if known == 3:
        return Comparator(text, key, key, closed=True)
    return Comparator(text, key, _tilde_end(version, known))


def _next(version: Version, known: int) -> Key:
    """Return the bound above everything that shares the first ``known`` numbers (1 or 2) with ``version``."""
    return (version.major + 1,) if known == 1 else (version.major, version.minor + 1)


def _tilde_end(version: Version, known: int) -> Key:
    if known in (0, 3) and (version.major, version.minor, version.patch) == (0, 0, 0):
        return _NO_END  # `~0.0.0` is `>=0.0.0` to the original
    return _next(version, 1 if known == 1 else 2)


def _caret_end(version: Version, known: int) -> Key:
    if version.major > 0 or known == 1:
        return (version.major + 1,)
    if version.minor > 0 or known == 2:
        return (0, version.minor + 1)
    return (0, 0, version.patch + 1)


def _hole(text: str, version: Version, known: int) -> Comparator:
    if known == 1:
        return Comparator(text, (version.major,), _next(version, 1), hole=True)
    if known == 2:
        # `!=1.2.x` lets the pre-releases of 1.2.* through to the original.
        return Comparator(text, (version.major, version.minor), _next(version, 2), hole=True, hole_pre=version.key[4])
    return Comparator(text, version.key, version.key, closed=True, hole=True)
