"""``tidegate channel …``: what clusters are told to run."""

from typing import Any

import typer

from control_plane.cli.arguments import Application, Channel, Reason
from control_plane.cli.output import Format, Output, local_time, show, table

app = typer.Typer(help="Channels and their generations.", no_args_is_help=True)


@app.command("list")
def list_channels(output: Output = Format.TABLE) -> None:
    """Channels with their generation and what they hold."""
    from control_plane.cli.client import get_client

    show(get_client().get("channels"), output, _list)


@app.command("recall")
def recall(channel: Channel, application: Application, reason: Reason) -> None:
    """Take an application's release back: the one before it is published again, at a higher generation."""
    from control_plane.cli.client import get_client

    answer = get_client().post(f"channels/{channel}/applications/{application}/recall", {"reason": reason})
    typer.echo(f"{channel} is at generation {answer['generation']}, without the recalled release of {application}")


@app.command("drop")
def drop(channel: Channel, application: Application, reason: Reason) -> None:
    """Take an application out of a channel: its next generation does not name it.

    Clusters keep what runs, and no longer update it, unless their own rule says uninstall. It comes back with the next release, or at
    once when the application is removed and applied again.
    """
    from control_plane.cli.client import get_client

    answer = get_client().post(f"channels/{channel}/applications/{application}/drop", {"reason": reason})
    typer.echo(f"{channel} is at generation {answer['generation']}, without {application}")


def _list(rows: list[dict[str, Any]]) -> Any:
    return table(
        ("CHANNEL", "GENERATION", "PUBLISHED", "APPLICATIONS"),
        (
            (
                row["name"],
                row["generation"],
                local_time(row["published_at"]),
                "  ".join(f"{k} {v}" for k, v in row["applications"].items()),
            )
            for row in rows
        ),
        empty="No channels yet: an application file names them.",
    )
