"""``tidegate source …``: the places where versions appear."""

from typing import Annotated, Any

import typer

from control_plane.cli.output import Format, Output, age, show, table, until

app = typer.Typer(help="The places where versions appear: registries, repositories, forges.", no_args_is_help=True)


@app.command("list")
def list_sources(output: Output = Format.TABLE) -> None:
    """Every place, looked at once for all applications that name it: last and next look, and whether it answers."""
    from control_plane.cli.client import get_client

    show(get_client().get("sources"), output, _list)


@app.command("look")
def look(place: Annotated[str, typer.Argument(help="as `tidegate source list` names it")]) -> None:
    """Look at a place now, not when its turn comes. A host that asked to be left alone is still left alone."""
    from control_plane.cli.client import get_client

    get_client().post("sources/look", {"place": place})
    typer.echo(f"{place} is looked at as soon as a worker is free: `tidegate source list` shows when")


@app.command("hosts")
def list_hosts(output: Output = Format.TABLE) -> None:
    """Every host that was asked within a week, by all processes together: requests, our budgets, and whether it is left alone now."""
    from control_plane.cli.client import get_client

    show(get_client().get("hosts"), output, _hosts)


def _hosts(rows: list[dict[str, Any]]) -> Any:
    return table(
        ("HOST", "STATE", "LAST HOUR", "AT MOST", "ITS OWN LIMIT"),
        (
            (
                row["host"],
                _host_state(row),
                row["requests_last_hour"],
                f"{row['per_second']:g} a second, {row['per_hour']} an hour",
                f"{row['quota_remaining']} of {row['quota_limit']} left" if row["quota_limit"] else "not told",
            )
            for row in rows
        ),
        empty="No host was asked within a week. Declare an application: tidegate app apply -f application.yaml",
    )


def _host_state(row: dict[str, Any]) -> str:
    if row["until"]:
        return f"left alone, asked again {until(row['until'], otherwise='now')}: {row['why']}"
    return f"{row['failures']} failures in a row" if row["failures"] else "answers"


def _list(rows: list[dict[str, Any]]) -> Any:
    return table(
        ("KIND", "PLACE", "TAGS", "LOOKED", "NEXT", "STATE", "APPLICATIONS"),
        (
            (
                row["kind"],
                row["place"],
                row["tags"],
                age(row["last_look_at"]),
                until(row["next_look_at"], otherwise="with each release"),
                _state(row),
                ", ".join(row["applications"]),
            )
            for row in rows
        ),
        empty="No application names a place yet. Declare one: tidegate app apply -f application.yaml",
    )


def _state(row: dict[str, Any]) -> str:
    if row["unknown_since"]:
        return f"unknown for {age(row['unknown_since'])}: {row['last_error']}"
    return "answers" if row["last_look_at"] else "not looked at yet"
