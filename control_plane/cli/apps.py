"""``tidegate app …``: declare applications and see them."""

import base64
from pathlib import Path
from typing import Annotated, Any

import typer

from control_plane.cli.arguments import Application, Reason
from control_plane.cli.output import Format, Output, age, print_warnings, show, table, until

app = typer.Typer(help="Declare applications and see them.", no_args_is_help=True)
File = Annotated[
    Path, typer.Option("--file", "-f", help="application file", exists=True, dir_okay=False, readable=True)
]


@app.command("apply")
def apply(file: File, output: Output = Format.TABLE) -> None:
    """Declare an application, or change it. The file is checked first; every mistake is named with its line.

    Values that look like secrets are warned about: everyone can read what is published.
    """
    from control_plane.cli.client import get_client

    text, suite = _checked(file)
    body: dict[str, Any] = {"file": text, "name": str(file)}
    if suite is not None:
        body["suite"] = base64.b64encode(suite).decode()
    show(
        get_client().post("applications", body),
        output,
        lambda got: f"{got['name']} applied: watches {', '.join(got['upstreams'])}",
    )


@app.command("validate")
def validate(file: File) -> None:
    """Check an application file without sending it."""
    _checked(file)
    typer.echo(f"{file}: right")


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of the application file, for editors."""
    import msgspec

    from control_plane.upstreams.application_file import json_schema

    typer.echo(msgspec.json.format(msgspec.json.encode(json_schema())).decode())


@app.command("list")
def list_applications(output: Output = Format.TABLE) -> None:
    """Applications × channels: what is where."""
    from control_plane.cli.client import get_client

    show(get_client().get("applications"), output, _overview)


@app.command("show")
def show_application(name: Application, output: Output = Format.TABLE) -> None:
    """One application: its upstreams, with last and next look, and its releases."""
    from control_plane.cli.client import get_client

    show(get_client().get(f"applications/{name}"), output, _whole)


@app.command("remove")
def remove(name: Application, reason: Reason) -> None:
    """Stop tracking an application: nothing new is looked for, and it leaves its channels.

    Clusters keep what runs, and no longer update it, unless their own rule says uninstall.
    """
    from control_plane.cli.client import get_client

    get_client().post(f"applications/{name}/remove", {"reason": reason})
    typer.echo(f"{name} is not tracked any more; `tidegate app apply -f` with its file tracks it again")


def _checked(file: Path) -> tuple[str, bytes | None]:
    from control_plane.upstreams.application_file import load_application_file
    from control_plane.upstreams.published_values import published_secrets

    loaded = load_application_file(file)
    print_warnings(published_secrets(loaded.text, file=str(file)))
    return loaded.text, loaded.suite


def _overview(rows: list[dict[str, Any]]) -> Any:
    return table(
        ("APPLICATION", "NEWEST", "STATE", "CHANNELS"),
        (
            (row["name"], row["newest"], row["state"], "  ".join(f"{k} {v or '–'}" for k, v in row["channels"].items()))
            for row in rows
        ),
        empty="No applications yet. Declare one: tidegate app apply -f application.yaml",
    )


def _whole(row: dict[str, Any]) -> Any:
    from rich.console import Group

    from control_plane.cli.releases import as_table

    choice = (row["choice"], "") if row["choice"] else ()
    return Group(_upstreams(row), "", *choice, as_table(row["releases"]))


def _upstreams(row: dict[str, Any]) -> Any:
    return table(
        ("UPSTREAM", "PLACE", "WANTS", "NEWEST", "LOOKED", "NEXT", "WHY"),
        (
            (
                one["alias"],
                one["place"],
                one["policy"],
                one["newest"],
                age(one["last_look_at"]),
                until(one["next_look_at"], otherwise="with each release"),
                one["last_error"] if one["unknown_since"] else one["reason"],
            )
            for one in row["upstreams"]
        ),
        empty="This application has no upstream.",
    )
