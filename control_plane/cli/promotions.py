"""``tidegate promotion …``: releases on their way into channels. `tidegate approve` and `reject` decide."""

from typing import Annotated, Any

import typer

from control_plane.cli.arguments import Application, Reason, Version
from control_plane.cli.output import Format, Output, age, show, table

InChannel = Annotated[str, typer.Option("--channel", help="the channel's name: `tidegate channel list`")]
app = typer.Typer(help="Releases on their way into channels.", no_args_is_help=True)


@app.callback()
def promotions() -> None:
    """Releases on their way into channels."""


@app.command("list")
def list_promotions(
    application: Annotated[str | None, typer.Argument(help="of this application only")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Promotions, newest first: what each waits for, and who has approved it."""
    from control_plane.cli.client import get_client

    show(get_client().get("promotions", application=application), output, as_table)


@app.command("propose")
def propose(application: Application, version: Version, channel: InChannel, reason: Reason) -> None:
    """Propose a verified release for a channel, also where it was recalled or rejected before.

    A verified release is proposed by itself; this is for what people turned away, and want after all. It soaks and is approved anew.
    """
    from control_plane.cli.client import get_client

    body = {"channel": channel, "reason": reason}
    got = get_client().post(f"applications/{application}/releases/{version}/promotions", body)
    typer.echo(f"{application} {version} is {got['state']} for {channel}: `tidegate promotion list {application}`")


def as_table(rows: list[dict[str, Any]]) -> Any:
    """Return the rows for people."""
    return table(
        ("APPLICATION", "VERSION", "CHANNEL", "STATE", "SINCE", "APPROVALS", "UPGRADE", "REASON"),
        (
            (
                row["application"],
                row["version"],
                row["channel"],
                row["state"],
                age(row["state_since"]),
                _approvals(row),
                _upgrade(row),
                row["state_reason"],
            )
            for row in rows
        ),
        empty="No promotions: a verified release is proposed for its channels by itself.",
    )


def _upgrade(row: dict[str, Any]) -> str:
    """Say from what the channel's clusters would come, and whether that was rehearsed."""
    upgrade = row["upgrade"]
    if upgrade is None:
        return "–"
    return f"from {upgrade['before']}: {upgrade['contract'] if upgrade['is_rehearsed'] else 'NOT REHEARSED'}"


def _approvals(row: dict[str, Any]) -> str:
    count = f"{len(row['approvals'])} of {row['approvals_needed']}"
    return f"{count} ({', '.join(row['approvals'])})" if row["approvals"] else count
