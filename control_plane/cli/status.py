"""``tidegate status``: is anything wrong, and does it need me?"""

from typing import Any

import typer

from control_plane.cli.output import Format, Output, show, table


def register(app: typer.Typer, panel: str) -> None:
    """Add the command to ``app``, in a panel of its help."""
    app.command("status", rich_help_panel=panel)(status)


def status(output: Output = Format.TABLE) -> None:
    """Print what needs a person: approvals, halted rollouts, failed rehearsals, silent clusters."""
    from control_plane.cli.client import get_client

    show(get_client().get("needs"), output, _needs)


def _needs(rows: list[dict[str, Any]]) -> Any:
    return table(
        ("WHAT", "WHY"), ((row["title"], row["detail"]) for row in rows), empty="All is well: nothing needs you."
    )
