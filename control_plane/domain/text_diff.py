"""How one text differs from another, line by line, as people read it: what stays is folded. PURE."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

CONTEXT = 3
Kind = Literal["same", "minus", "plus", "folded"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line; ``old`` and ``new`` are its numbers from 1 where it is there. ``folded`` stands for ``text`` (a number of) lines."""

    kind: Kind
    text: str
    old: int | None = None
    new: int | None = None


def text_diff(before: str, after: str, *, context: int = CONTEXT) -> tuple[Line, ...]:
    """Return the lines of both, those that stay only ``context`` lines around a change. Equal texts: nothing."""
    old, new = before.splitlines(), after.splitlines()
    if old == new:
        return ()
    lines = list(_lines(old, new))
    near = {
        place + step for place, line in enumerate(lines) if line.kind != "same" for step in range(-context, context + 1)
    }
    return tuple(_folded(lines, near))


def _lines(old: list[str], new: list[str]) -> Iterator[Line]:
    for what, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=len(old) + len(new) > 4000).get_opcodes():
        if what == "equal":
            for step in range(i2 - i1):
                yield Line("same", old[i1 + step], i1 + step + 1, j1 + step + 1)
            continue
        for place in range(i1, i2):
            yield Line("minus", old[place], old=place + 1)
        for place in range(j1, j2):
            yield Line("plus", new[place], new=place + 1)


def _folded(lines: list[Line], near: set[int]) -> Iterator[Line]:
    hidden = 0
    for place, line in enumerate(lines):
        if place not in near:
            hidden += 1
            continue
        if hidden:
            yield Line("folded", str(hidden))
        hidden = 0
        yield line
    if hidden:
        yield Line("folded", str(hidden))
