"""Flux's image policies: semver, alphabetical, numerical (image-reflector-controller). PURE.

Flux's semver ranges are Helm's, but a tag must be a whole version (``v`` in front is allowed): ``1.2`` is none. Which end of an
order is newest is the policy's ``order``. A tag that is no number is left out here, where Flux gives the whole policy up; and
numbers are compared exactly, where Flux rounds those above 2^53 (dates with a time have more digits).
"""

import math
import re
from decimal import Decimal

import msgspec

from control_plane.domain.versions.dialects.helm import range_rule
from control_plane.domain.versions.families import traits_of
from control_plane.domain.versions.policy import Order, Reading, Rule, Tag
from control_plane.domain.versions.ranges import InvalidRange
from control_plane.domain.versions.semver import Version, parse_strict

ANY = ("", "*")
MAX_NUMBER = 256  # characters
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_ORDERS: dict[str, Order] = {"": "ascending", "ASC": "ascending", "DESC": "descending"}


def read_order(text: str) -> Order:
    """Return the order that Flux's ``ASC``, ``DESC`` or nothing means. Raises ``InvalidRange``."""
    order = _ORDERS.get(text)
    if order is None:
        raise InvalidRange(f"{text[:40]!r} is no order: ASC or DESC")
    return order


def compile_semver(rule: str, *, current: str) -> Rule:
    """Return the rule of a semver policy; ``rule`` is its range. Raises ``InvalidRange``."""
    return range_rule(rule, read_whole_version, current)


def read_whole_version(text: str) -> Version:
    """Return the version that ``text`` writes with all its three numbers. Raises ``InvalidVersion``."""
    return parse_strict(text.removeprefix("v"))


class Alphabetical(msgspec.Struct, frozen=True):
    """Every text is wanted; texts are ordered as Go orders them, by their bytes."""

    def read(self, text: str, tag: Tag) -> Reading:  # noqa: ARG002 - all is in the text
        """Return the text's place in the order."""
        return Reading((text,), text, "", *traits_of(text))


class Numerical(msgspec.Struct, frozen=True):
    """Every number is wanted, whole or with a fraction, ordered by its value."""

    def read(self, text: str, tag: Tag) -> Reading:  # noqa: ARG002 - all is in the text
        """Return the number's place in the order."""
        number = read_number(text)
        if number is None:
            return Reading(key=None, refusal=f"{text[:80]!r} is no number")
        return Reading(key=(number,), version=text, major=int(number) if "." in text else None)


def compile_alphabetical(rule: str, *, current: str) -> Rule:  # noqa: ARG001 - it does not depend on what is followed now
    """Return the rule of an alphabetical policy. Raises ``InvalidRange`` for a ``rule`` other than ``*`` or nothing."""
    _check_any(rule)
    return Alphabetical()


def compile_numerical(rule: str, *, current: str) -> Rule:  # noqa: ARG001 - nor does this one
    """Return the rule of a numerical policy. Raises ``InvalidRange`` for a ``rule`` other than ``*`` or nothing."""
    _check_any(rule)
    return Numerical()


def _check_any(rule: str) -> None:
    if rule.strip() not in ANY:
        raise InvalidRange(
            f"{rule[:80]!r}: this policy has no rule but *; filter says which tags, order (ascending, descending) which end"
        )


def read_number(text: str) -> Decimal | None:
    """Return the decimal number that ``text`` writes; None where it writes none, or one beyond a 64-bit float's range."""
    if len(text) > MAX_NUMBER or _NUMBER.fullmatch(text) is None or math.isinf(float(text)):
        return None
    return Decimal(text)
