"""``tidegate audit``: who did what, when and why."""

from typing import Annotated, Any

import typer

from control_plane.cli.output import Format, Output, local_time, show, table


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("audit")(audit)


def audit(
    subject: Annotated[
        str | None, typer.Option("--subject", "-s", help="only of this thing, e.g. 'miniflux 2.2.16'")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="newest events")] = 50,
    output: Output = Format.TABLE,
) -> None:
    """Print the audit log, newest first."""
    from control_plane.cli.client import get_client

    show(get_client().get("audit", subject=subject, limit=limit), output, _list)


def _list(rows: list[dict[str, Any]]) -> Any:
    return table(
        ("WHEN", "WHO", "WHAT", "SUBJECT", "FROM", "TO", "WHY"),
        (
            (
                local_time(row["at"]),
                row["actor"],
                row["action"],
                row["subject"],
                row["from_state"],
                row["to_state"],
                row["reason"],
            )
            for row in rows
        ),
        empty="Nothing has happened yet.",
    )
