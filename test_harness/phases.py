"""Which of a suite's tests run in which phase of a rehearsal.

The data is put in once; it is looked for after every step; tests without a mark run where the candidate runs.
"""

from typing import Literal

Phase = Literal["seed", "base", "install", "upgrade", "rollback", "restore", "verify"]
Kind = Literal["seed", "verify", "unmarked"]

SELECTION: dict[Phase, frozenset[Kind]] = {
    "seed": frozenset({"seed"}),
    "base": frozenset({"verify"}),
    "install": frozenset({"verify", "unmarked"}),
    "upgrade": frozenset({"verify", "unmarked"}),
    "rollback": frozenset({"verify"}),
    "restore": frozenset({"verify"}),
    "verify": frozenset({"verify"}),
}
