"""``tidegate audit``: who did what, when and why; and whether the first-seen logs are what they were."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from control_plane.cli.output import Format, Output, local_time, progress, show, table
from control_plane.domain.errors import Transient, Untrusted

if TYPE_CHECKING:
    from control_plane.cli.client import Client

POLL_SECONDS = 0.3
WORKER_SECONDS = 60.0

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
def verify(
    last: Annotated[bool, typer.Option("--last", help="what the last check found, without a new one")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Check that no row of any first-seen log was changed, removed or put in. Ends with 5 where one was.

    The server checks every log once an hour too. A check reads every row; it goes on when this command is interrupted.
    """
    from control_plane.cli.client import get_client

    client = get_client()
    check = client.get("audit/chain")["last"] if last else _checked(client)
    show(check, output, _check)
    if check is not None and check["damages"]:
        raise Untrusted(
            "a first-seen log is not what was written: ages that policies rest on may be forged. Compare with a backup "
            "of the database, and see `tidegate audit` for who worked on it.",
            code="log_damaged",
        )


def _checked(client: "Client") -> dict[str, Any]:
    """Have the logs checked, show how far that is, and return what was found."""
    check_id = client.post("audit/checks", {})["id"]
    begun = time.monotonic()
    with progress("rows of first-seen logs") as told:
        while True:
            check: dict[str, Any] = client.get(f"audit/checks/{check_id}")
            told(check["rows"], check["rows_total"])
            if check["ended_at"]:
                return check
            if not check["sources"] and time.monotonic() - begun > WORKER_SECONDS:
                raise Transient(
                    f"nobody checks: is a worker running? `tidegate worker`, or `tidegate up`. It was asked for at {check['asked_at']}",
                    code="no_worker",
                )
            time.sleep(POLL_SECONDS)


def _check(check: dict[str, Any] | None) -> Any:
    if check is None:
        return "No check has ended yet: `tidegate audit verify` makes one."
    when = local_time(check["ended_at"])
    told = f"{check['rows']} rows of {check['sources']} places were checked, until {when}"
    if not check["damages"]:
        return f"sound: {told}"
    made = table(("PLACE", "WHAT IS WRONG"), ((one["source"], one["damage"]) for one in check["damages"]), empty="")
    if isinstance(made, Table):
        made.title, made.title_justify = f"damaged: {told}", "left"
    return made


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
