"""Calendar versions (calver.org): ``YYYY.0M.MICRO``, ``YY.MM``, ``YYYY.MM.DD-MODIFIER``. PURE.

A rule is a format, and comparisons after it if wanted: ``YYYY.0M >=2024.04``. Each part is written as the format says (``0M`` with its
zero, ``MM`` without), and a date must be one: 2023.02.30 is no version. A modifier may be left out with the separator
before it; one such as ``rc1`` makes a pre-release, which only a pre-release is followed by.
"""

import re
from collections.abc import Set
from datetime import date
from functools import lru_cache
from itertools import pairwise

import msgspec

from control_plane.domain.versions.comparisons import Comparisons, Numbers, natural, parse_comparisons
from control_plane.domain.versions.dialects.helm import refused
from control_plane.domain.versions.families import family_of, is_prerelease
from control_plane.domain.versions.policy import Reading, Rule, Tag
from control_plane.domain.versions.ranges import InvalidRange

MAX_LENGTH = 256
SHORTEST_MONTH = 28
MODIFIER = "MODIFIER"
PARTS: dict[str, str] = {
    "YYYY": r"[1-9][0-9]{3}",
    "YY": r"0|[1-9][0-9]{0,2}",
    "0Y": r"[0-9]{2}|1[0-9]{2}",
    "MM": r"1[0-2]|[1-9]",
    "0M": r"0[1-9]|1[0-2]",
    "WW": r"5[0-3]|[1-4][0-9]|[1-9]",
    "0W": r"0[1-9]|[1-4][0-9]|5[0-3]",
    "DD": r"[12][0-9]|3[01]|[1-9]",
    "0D": r"0[1-9]|[12][0-9]|3[01]",
    "MAJOR": r"[0-9]{1,18}",
    "MINOR": r"[0-9]{1,18}",
    "MICRO": r"[0-9]{1,18}",
    MODIFIER: r"[0-9A-Za-z][0-9A-Za-z._-]*",
}
_YEARS, _MONTHS, _DAYS = frozenset({"YYYY", "YY", "0Y"}), frozenset({"MM", "0M"}), frozenset({"DD", "0D"})
_COUNTERS = frozenset({"MAJOR", "MINOR", "MICRO"})
_TOKEN = re.compile(rf"({'|'.join(PARTS)})|([._-])")
_EXAMPLE = "such as YYYY.0M.MICRO"


class Format(msgspec.Struct, frozen=True):
    """A format, compiled. ``names`` are its numbers' in order; ``beginnings`` read all of them, then one less each.

    ``centuries`` is what to add to each number. ``places`` says where year, month, day and major stand among them (-1: nowhere).
    """

    text: str
    names: tuple[str, ...]
    centuries: tuple[int, ...]
    places: tuple[int, int, int, int]
    grammar: re.Pattern[str]
    beginnings: tuple[re.Pattern[str], ...]

    def numbers(self, text: str) -> tuple[Numbers, str] | None:
        """Return the numbers (years in full) and the modifier that ``text`` writes, None where it is not of this format."""
        match = self.grammar.fullmatch(text)
        if match is None:
            return None
        *_, last = match.groups()
        return self._values(match), (last or "") if len(self.names) < self.grammar.groups else ""

    def is_a_date(self, numbers: Numbers) -> bool:
        """Return whether day, month and year go together; what the format leaves out does not matter."""
        year, month, day, _ = self.places
        if day < 0 or numbers[day] <= SHORTEST_MONTH:
            return True
        try:
            date(numbers[year], numbers[month] if month >= 0 else 1, numbers[day])
        except ValueError:
            return False
        return True

    def major(self, numbers: Numbers) -> int | None:
        """Return the major number; None where the format has none."""
        place = self.places[3]
        return numbers[place] if place >= 0 else None

    def operand(self, text: str) -> Numbers:
        """Return the numbers of a text that may end early: ``2024`` for ``YYYY.0M``. Raises ``InvalidRange``."""
        for beginning in self.beginnings:
            match = beginning.fullmatch(text)
            if match is not None:
                return self._values(match)
        raise InvalidRange(f"{text[:80]!r} is not written as {self.text} says")

    def _values(self, match: re.Match[str]) -> Numbers:
        return tuple([int(text) + more for text, more in zip(match.groups(), self.centuries, strict=False)])


class CalendarRule(msgspec.Struct, frozen=True):
    """A format, what of it is wanted, and whether that is so of pre-releases."""

    format: Format
    accepted: Comparisons
    prereleases: bool = False

    def with_prereleases(self) -> "CalendarRule":
        """Return the same rule that wants pre-releases too."""
        return CalendarRule(self.format, self.accepted, prereleases=True)

    def read(self, text: str, tag: Tag) -> Reading:  # noqa: ARG002 - all is in the text
        """Return the version's order and whether the rule wants it."""
        numbers, reading = read_version(self.format, text)
        refusal = self._refusal(numbers, reading) if numbers else ""
        return refused(reading, refusal) if refusal else reading

    def _refusal(self, numbers: Numbers, reading: Reading) -> str:
        if reading.prerelease and not self.prereleases:
            return "a pre-release, and what is followed now is none"
        return self.accepted.refusal(numbers)


def compile_format(rule: str, *, current: str) -> Rule:
    """Return the rule that ``rule`` makes: a format, then comparisons if wanted. Raises ``InvalidRange``."""
    written, comparisons = (*rule.split(None, 1), "", "")[:2]
    found = parse_format(written)
    followed = read_version(found, current)[1]
    return CalendarRule(found, parse_comparisons(comparisons, found.operand), followed.prerelease)


def read_version(wanted: Format, text: str) -> tuple[Numbers, Reading]:
    """Return the numbers that ``text`` has (none: it is no version of the format), and its reading where nothing refuses it."""
    found = wanted.numbers(text) if len(text) <= MAX_LENGTH else None
    if found is None:
        return (), Reading(key=None, refusal=f"{text[:80]!r} is not written as {wanted.text} says")
    numbers, modifier = found
    if not wanted.is_a_date(numbers):
        return (), Reading(key=None, refusal=f"{text[:80]!r} has a day that its month has not")
    early = is_prerelease(modifier)
    return numbers, Reading(
        (*numbers, not early, natural(modifier)),
        text.removeprefix("v"),
        "",
        early,
        wanted.major(numbers),
        family_of(modifier),
    )


@lru_cache(256)
def parse_format(text: str) -> Format:
    """Read a format. Raises ``InvalidRange``, which names the piece that is wrong."""
    tokens = _tokens(text)
    names = tuple(token for token in tokens if token in PARTS)
    _check(text, names, tokens)
    numbers = tuple(name for name in names if name != MODIFIER)
    centuries = tuple(2_000 if name in {"YY", "0Y"} else 0 for name in numbers)
    year, month, day, major = (_place(numbers, among) for among in (_YEARS, _MONTHS, _DAYS, {"MAJOR"}))
    beginnings = tuple(map(_grammar, _beginnings(tokens)))
    return Format(text, numbers, centuries, (year, month, day, major), _grammar(tokens), beginnings)


def _place(names: tuple[str, ...], among: Set[str]) -> int:
    """Return where one of some names stands, -1 where none does."""
    return next((place for place, name in enumerate(names) if name in among), -1)


def _tokens(text: str) -> list[str]:
    position, found = 1 if text.startswith("v") else 0, []
    while match := _TOKEN.match(text, position):
        found.append(match[0])
        position = match.end()
    if position != len(text) or not found or len(text) > MAX_LENGTH:
        raise InvalidRange(f"cannot read {text[position:][:80]!r} in a calendar format ({_EXAMPLE})")
    return found


def _check(text: str, names: tuple[str, ...], tokens: list[str]) -> None:
    problem = ""
    order = [_place(names, group) for group in (_YEARS, _MONTHS, _DAYS)]
    present = [place for place in order if place >= 0]
    if order[0] < 0:
        problem = "names no year"
    elif present != sorted(present):
        problem = "has its year, month and day in another order than this, so that newer would not be larger"
    elif len(set(names)) != len(names) or any(len(group & set(names)) > 1 for group in (_YEARS, _MONTHS, _DAYS)):
        problem = "names a part twice"
    elif MODIFIER in names and tokens[-1] != MODIFIER:
        problem = "has something behind its modifier"
    elif any(a in _COUNTERS and b in PARTS and b != MODIFIER for a, b in pairwise(tokens)):
        problem = "has no separator behind a counted number"
    if problem:
        raise InvalidRange(f"the calendar format {text[:80]!r} {problem} ({_EXAMPLE})")


def _grammar(tokens: list[str]) -> re.Pattern[str]:
    """Return the pattern of a list of tokens; a modifier at its end may be missing, with its separator."""
    pieces = [_piece(token) for token in tokens]
    if tokens[-1] == MODIFIER:
        separator = pieces[-2] if len(tokens) > 1 and tokens[-2] not in PARTS else ""
        pieces[len(pieces) - (2 if separator else 1) :] = [f"(?:{separator}{pieces[-1]})?"]
    return re.compile("v?" + "".join(pieces))


def _piece(token: str) -> str:
    return f"(?P<{_group(token)}>{PARTS[token]})" if token in PARTS else re.escape(token)


def _group(token: str) -> str:
    return f"Z{token[1:]}" if token[0] == "0" else token


def _beginnings(tokens: list[str]) -> list[list[str]]:
    """Return what ``tokens`` begins with, each up to a number, the longest first."""
    ends = [i + 1 for i, token in enumerate(tokens) if token in PARTS and token != MODIFIER]
    return [tokens[:end] for end in reversed(ends)]
