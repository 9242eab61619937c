"""The page ``docs/lifecycles.md``, made from the very tables that decide. A test compares; ``python -m`` prints it anew."""

import sys

from control_plane.domain.lifecycle import Lifecycle, S
from control_plane.domain.promotions import PROMOTION
from control_plane.domain.releases import RELEASE
from control_plane.domain.rollouts import ROLLOUT

HEAD = """# Lifecycles

Three questions, three tables; never one "state" for all. This page is made from the tables in `control_plane/domain`:
`python -m control_plane.domain.lifecycle_page > docs/lifecycles.md`. Every move writes one audit event in its own transaction.
"""


def page() -> str:
    """Return the page in Markdown."""
    sections = (
        _section(RELEASE, "Is it fit?"),
        _section(PROMOTION, "May it enter this channel?"),
        _section(ROLLOUT, "Has it arrived?"),
    )
    return "\n".join([HEAD, *sections])


def _section(lifecycle: Lifecycle[S], question: str) -> str:
    terminal = ", ".join(f"`{state}`" for state in type(lifecycle.initial) if lifecycle.is_terminal(state))
    rows = [f"| `{move.source}` | `{move.target}` | {move.why} |" for move in lifecycle.moves]
    head = [
        f"## {lifecycle.name.capitalize()}: {question}",
        "",
        f"Begins as `{lifecycle.initial}`. No way out of: {terminal}.",
    ]
    return "\n".join([*head, "", "| from | to | when |", "|---|---|---|", *rows, ""])


if __name__ == "__main__":
    sys.stdout.write(page())
