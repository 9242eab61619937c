"""Comparisons of lists of numbers: ``>=3.7 <4``, ``3.7 || 3.9``, ``!=3.8``. PURE.

A version is compared as far as the operand goes, as Helm does it: ``<4`` is before every 4.x, ``<=3.7`` has 3.7.5 in it, and a bare
``3.7`` wants every 3.7.x. A version with fewer numbers than the operand (``3`` against ``3.7``) is refused where they do not decide.
"""

import re
from collections.abc import Callable

import msgspec

from control_plane.domain.versions.ranges import InvalidRange

MAX_LENGTH = 512
Numbers = tuple[int, ...]
_ONE = re.compile(r"(>=|<=|!=|==|[=<>]?)([^\s,<>=!|]+)(?:\s*,\s*|\s+|$)")
_SPACED_OPERATOR = re.compile(r"([<>=!])\s+")
_PIECE = re.compile(r"[0-9]+|[^0-9]+")


class Comparison(msgspec.Struct, frozen=True):
    """One operator and its operand; ``text`` is what the person wrote."""

    text: str
    operator: str
    operand: Numbers

    def refusal(self, numbers: Numbers) -> str:
        """Return why a version of ``numbers`` is outside, or ``""``."""
        length = min(len(numbers), len(self.operand))
        found, wanted = numbers[:length], self.operand[:length]
        if found == wanted and length < len(self.operand):
            return f"has too few numbers to say whether {self.text} holds"
        return "" if _holds(self.operator, found, wanted) else _outside(self.text, self.operator, found < wanted)


def _holds(operator: str, found: Numbers, wanted: Numbers) -> bool:
    match operator:
        case ">=":
            return found >= wanted
        case "<=":
            return found <= wanted
        case ">":
            return found > wanted
        case "<":
            return found < wanted
        case "!=":
            return found != wanted
    return found == wanted


def _outside(text: str, operator: str, is_less: bool) -> str:
    if operator == "!=":
        return f"excluded by {text}"
    return f"{'older' if operator[:1] == '>' or is_less else 'newer'} than {text} allows"


class Comparisons(msgspec.Struct, frozen=True):
    """Alternatives (between ``||``) of comparisons that must all hold; none at all wants everything."""

    alternatives: tuple[tuple[Comparison, ...], ...] = ()

    def refusal(self, numbers: Numbers) -> str:
        """Return why a version of ``numbers`` is outside (the last alternative's reason), or ``""``."""
        reason = ""
        for alternative in self.alternatives:
            reason = next((why for one in alternative if (why := one.refusal(numbers))), "")
            if not reason:
                return ""
        return reason


def parse_comparisons(text: str, read_operand: Callable[[str], Numbers]) -> Comparisons:
    """Read comparisons between spaces or commas; ``*`` or nothing wants everything. ``read_operand`` raises ``InvalidRange``."""
    if len(text) > MAX_LENGTH:
        raise InvalidRange(f"a rule has at most {MAX_LENGTH} characters")
    if text.strip() in {"", "*"}:
        return Comparisons()
    return Comparisons(tuple(_alternative(part.strip(), read_operand) for part in text.split("||")))


def _alternative(text: str, read_operand: Callable[[str], Numbers]) -> tuple[Comparison, ...]:
    joined, position, found = _SPACED_OPERATOR.sub(r"\1", text), 0, []
    while match := _ONE.match(joined, position):
        found.append(Comparison(match[1] + match[2], match[1], read_operand(match[2])))
        position = match.end()
    if not found or position != len(joined):
        raise InvalidRange(f"cannot read {joined[position:][:80] or text!r} as a comparison such as >=3.7")
    return tuple(found)


def natural(text: str) -> tuple[tuple[int, str], ...]:
    """Return a key that orders ``text`` as people do: its numbers by value (``rc9`` before ``rc10``)."""
    return (
        tuple([(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in _PIECE.findall(text)])
        if text
        else ()
    )
