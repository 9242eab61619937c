"""``tidegate quarantine …``: keep versions of an application out, and let them in again."""

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import typer

from control_plane.cli.arguments import Application
from control_plane.cli.output import Format, Output, local_time, show, table
from control_plane.domain.errors import InvalidInput

app = typer.Typer(help="Keep versions of an application out, with a reason and an end.", no_args_is_help=True)


@app.command("add")
def add(
    application: Application,
    pattern: Annotated[str, typer.Argument(help="a tag, 'glob:2.3.*' or 'regexp:^2\\.3\\.'")],
    reason: Annotated[str, typer.Option("--reason", "-m", help="people who wonder will read it")],
    until: Annotated[
        str | None,
        typer.Option("--until", "-u", help="e.g. 2026-12-24 or 2026-12-24T18:00; without: until it is lifted"),
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Keep tags that match PATTERN out of APPLICATION. What is published already stays as it is."""
    from control_plane.cli.client import get_client

    body = {"pattern": pattern, "reason": reason, "until": _moment(until) if until else None}
    show(
        get_client().post(f"applications/{application}/quarantines", body),
        output,
        lambda made: (
            f"{pattern} is kept out of {application}; `tidegate quarantine lift {application} {made['id']}` ends it"
        ),
    )


@app.command("list")
def list_quarantines(application: Application, output: Output = Format.TABLE) -> None:
    """What people keep out of APPLICATION."""
    from control_plane.cli.client import get_client

    show(get_client().get(f"applications/{application}/quarantines"), output, _list)


@app.command("lift")
def lift(
    application: Application,
    number: Annotated[int, typer.Argument(help="its number in `tidegate quarantine list`")],
    reason: Annotated[str, typer.Option("--reason", "-m", help="kept in the audit log")] = "",
) -> None:
    """Let the tags in again; the application weighs them at once."""
    from control_plane.cli.client import get_client

    get_client().delete(f"applications/{application}/quarantines/{number}?reason={quote(reason)}")
    typer.echo(f"quarantine {number} of {application} is lifted")


def _moment(text: str) -> str:
    """Return a date or time as ISO text; without a zone it is the reader's."""
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except ValueError:
        raise InvalidInput(f"--until {text!r} is no time: write 2026-12-24, 2026-12-24T18:00 or ...T18:00Z") from None


def _list(rows: list[dict[str, Any]]) -> Any:
    return table(
        ("NUMBER", "PATTERN", "UNTIL", "WHO", "WHY"),
        (
            (
                row["id"],
                row["pattern"],
                local_time(row["until"]) if row["until"] else "it is lifted",
                row["author"],
                row["reason"],
            )
            for row in rows
        ),
        empty="Nothing is kept out.",
    )
