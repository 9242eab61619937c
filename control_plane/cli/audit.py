"""``tidegate audit``: who did what, when and why; and whether the first-seen logs are what they were."""

from typing import Annotated, Any

import typer

from control_plane.cli.output import Format, Output, local_time, show, table
from control_plane.domain.errors import Untrusted

app = typer.Typer(help="Who did what, when and why; newest first.", invoke_without_command=True)


@app.callback()
def audit(
    context: typer.Context,
    subject: Annotated[
        str | None, typer.Option("--subject", "-s", help="only of this thing, e.g. 'miniflux 2.2.16'")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="newest events")] = 50,
    output: Output = Format.TABLE,
) -> None:
    """Print the audit log, newest first. `tidegate audit verify` checks the first-seen logs."""
    from control_plane.cli.client import get_client

    if context.invoked_subcommand is not None:
        return
    show(get_client().get("audit", subject=subject, limit=limit), output, _list)


@app.command("verify")
def verify(output: Output = Format.TABLE) -> None:
    """Check that no row of any first-seen log was changed, removed or put in. Ends with 5 where one was."""
    from control_plane.cli.client import get_client

    checked = get_client().get("audit/chain")
    show(checked, output, _logs)
    if not checked["sound"]:
        raise Untrusted(
            "a first-seen log is not what was written: ages that policies rest on may be forged. Compare with a backup "
            "of the database, and see `tidegate audit` for who worked on it.",
            code="log_damaged",
        )


def _logs(checked: dict[str, Any]) -> Any:
    return table(
        ("PLACE", "ROWS", "CHAIN"),
        ((one["source"], one["rows"], one["damage"] or "sound") for one in checked["logs"]),
        empty="Nothing has been seen yet: declare an application with `tidegate app apply -f`.",
    )


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
