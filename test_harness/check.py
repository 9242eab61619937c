"""One finding of `tidegate doctor`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """`ok` None: not needed yet or made by itself when it is; `mend` is a command, or empty."""

    name: str
    ok: bool | None
    detail: str
    mend: str = ""
