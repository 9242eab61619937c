"""``tidegate release …``: releases and their evidence."""

from typing import Annotated, Any

import typer

from control_plane.cli.output import Format, Output, age, show, table

app = typer.Typer(help="Releases, their rehearsals and their evidence.", no_args_is_help=True)


@app.command("list")
def list_releases(
    application: Annotated[str | None, typer.Option("--app", "-a", help="of this application only")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Releases, newest first, with their fitness and its reason."""
    from control_plane.cli.client import get_client

    show(get_client().get("releases", application=application), output, _list)


@app.command("show")
def show_release(application: str, version: str, output: Output = Format.TABLE) -> None:
    """One release: digests, rehearsals step by step, promotions."""
    from control_plane.cli.client import get_client

    show(get_client().get(f"applications/{application}/releases/{version}"), output, _steps)


@app.command("requeue")
def requeue(
    application: str, version: str, reason: Annotated[str, typer.Option("--reason", "-m")] = "asked for by a person"
) -> None:
    """Rehearse a failed or errored release again."""
    from control_plane.cli.client import get_client

    get_client().post(f"applications/{application}/releases/{version}/requeue", {"reason": reason})
    typer.echo(f"{application} {version} is queued for another rehearsal")


def _list(rows: list[dict[str, Any]]) -> Any:
    return table(
        ("APPLICATION", "VERSION", "STATE", "SINCE", "REASON"),
        (
            (row["application"], row["version"], row["state"], age(row["state_since"]), row["state_reason"])
            for row in rows
        ),
        empty="No releases yet: Tidegate looks at every upstream in turn, see `tidegate app show NAME`.",
    )


def _steps(row: dict[str, Any]) -> Any:
    return table(
        ("RUN", "STEP", "STATE", "MESSAGE"),
        ((run["id"], step["title"], step["state"], step["message"]) for run in row["runs"] for step in run["steps"]),
        empty=f"{row['version']} is {row['state']}: {row['state_reason'] or 'it has not been rehearsed yet'}",
    )
