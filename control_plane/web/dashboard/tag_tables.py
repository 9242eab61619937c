"""Tables of tags: filtered, and a part at a time, so that thousands cost a page nothing. PURE."""

from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.services.explaining import TagRow

SHOWN = 50
MORE = 5  # times as many with each "show more"


@dataclass(frozen=True, slots=True)
class Line:
    """A tag and its state, as ``words`` has it."""

    row: TagRow
    state: str


@dataclass(frozen=True, slots=True)
class TagTable:
    """The lines shown; ``total`` tags there are, ``matching`` the filter."""

    lines: tuple[Line, ...]
    total: int
    matching: int

    @property
    def hidden(self) -> int:
        """How many that match are not shown."""
        return self.matching - len(self.lines)

    @property
    def next_shown(self) -> int:
        """How many lines to ask for next."""
        return len(self.lines) * MORE


def tag_table(rows: Sequence[TagRow], text: str, shown: int) -> TagTable:
    """Return the first ``shown`` of the rows whose tag or reason holds ``text``."""
    wanted = text.lower()
    found = [row for row in rows if wanted in row.tag.lower() or wanted in row.reason.lower()] if wanted else rows
    return TagTable(tuple(Line(row, _state(row)) for row in found[:shown]), len(rows), len(found))


def _state(row: TagRow) -> str:
    if row.chosen:
        return "chosen"
    if row.wanted:
        return "matches"
    return "waits" if row.waits_until else "out"
