"""K8sUpdater's frontier: the numbers before it may not change by themselves; a change there is told to a person. PURE.

``2`` lets 5.3.2.0 become 5.3.2.1 and asks about 5.4. A frontier of 0 or less, or beyond the current version's numbers, lets everything
pass (the original: beyond the shorter version's, which would take 4.2 where 3.1.2 runs with a frontier of 3). Numbers are
compared as numbers (the original compares texts: 10 would be older than 9). A suffix is a variant, 3.2.1-alpine is compared with
3.2.2-alpine only, or says that a version comes before its release: such are taken only where one is followed, or asked for.
"""

import re
from typing import Literal

import msgspec

from control_plane.domain.versions.comparisons import natural
from control_plane.domain.versions.dialects.keel import NOT_ASKED
from control_plane.domain.versions.families import family_of, is_prerelease
from control_plane.domain.versions.policy import Reading, Rule, Tag
from control_plane.domain.versions.ranges import InvalidRange

Decision = Literal["update", "notify"]
Numbers = tuple[int, ...]
LATEST = "latest"
MAX_LENGTH = 256
_VERSION = re.compile(r"v?([0-9]{1,18}(?:\.[0-9]{1,18})*)(?:[-+_](.*))?", re.DOTALL)


def decide(current: Numbers, newer: Numbers, frontier: int) -> Decision:
    """Return whether ``newer`` is taken by itself where ``current`` runs, or only told. An equal one is only told."""
    if not 0 < frontier <= len(current):
        return "update"
    if newer[:frontier] > current[:frontier]:
        return "notify"
    return "update" if newer > current else "notify"


def read_numbers(text: str) -> Numbers:
    """Return the numbers of a version. Raises ``InvalidRange``."""
    found = _parsed(text)
    if found is None:
        raise InvalidRange(f"{text[:80]!r} is no version of numbers and dots")
    return found[0]


def latest_decision(current: str, *, newer_exists: bool, prefers_latest: bool) -> Decision:
    """Return whether another image behind ``latest`` is taken by itself: only where ``latest`` is followed and preferred."""
    return "update" if newer_exists and prefers_latest and current == LATEST else "notify"


def are_comparable(current: str, candidate: str) -> bool:
    """Return whether two tags are of one variant: the same suffix."""
    one, other = _parsed(current), _parsed(candidate)
    return one is not None and other is not None and one[1] == other[1]


def _parsed(text: str) -> tuple[Numbers, str] | None:
    match = _VERSION.fullmatch(text) if len(text) <= MAX_LENGTH else None
    return None if match is None else (tuple(map(int, match[1].split("."))), match[2] or "")


class Frontier(msgspec.Struct, frozen=True):
    """A frontier where ``current`` runs; None before the first version."""

    frontier: int
    current: Numbers | None
    prereleases: bool = False

    def with_prereleases(self) -> "Frontier":
        """Return the same frontier that lets pre-releases pass too."""
        return Frontier(self.frontier, self.current, prereleases=True)

    def read(self, text: str, tag: Tag) -> Reading:  # noqa: ARG002 - all is in the text
        """Return the version's order and whether it may be taken without a person."""
        parsed = _parsed(text)
        if parsed is None:
            return Reading(key=None, refusal=f"{text[:80]!r} is no version of numbers and dots")
        numbers, suffix = parsed
        early = is_prerelease(suffix)
        key = (numbers, not early, natural(suffix) if early else ())
        return Reading(key, text, self._refusal(numbers, early), early, numbers[0], family_of(suffix))

    def _refusal(self, numbers: Numbers, early: bool) -> str:
        if early and not self.prereleases:
            return NOT_ASKED
        if (
            self.current is not None
            and numbers > self.current
            and decide(self.current, numbers, self.frontier) == "notify"
        ):
            return f"changes a number before the frontier {self.frontier}: a person has to take it"
        return ""


def compile_frontier(rule: str, *, current: str) -> Rule:
    """Return the rule of a frontier, a whole number. Raises ``InvalidRange``."""
    try:
        frontier = int(rule if rule.strip() != "*" else "0")
    except ValueError:
        raise InvalidRange(f"{rule[:80]!r} is no frontier: how many numbers may not change, for example 2") from None
    parsed = _parsed(current) if current else None
    return Frontier(frontier, parsed[0], is_prerelease(parsed[1])) if parsed else Frontier(frontier, None)
