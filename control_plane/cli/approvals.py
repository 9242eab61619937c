"""``tidegate approve`` and ``reject``: a person's word on a promotion, for the digest that was shown."""

from typing import Annotated, Any

import typer

from control_plane.cli.arguments import Application, Version
from control_plane.cli.output import Format, Output, print_warnings, show
from control_plane.domain.errors import NotFound

Channel = Annotated[str | None, typer.Option("--channel", "-c", help="the channel, where several wait")]
Comment = Annotated[str, typer.Option("--comment", "-m", help="kept in the audit log")]


def register(app: typer.Typer, panel: str) -> None:
    """Add the commands to ``app``, in a panel of its help."""
    app.command("approve", rich_help_panel=panel)(approve)
    app.command("reject", rich_help_panel=panel)(reject)


def approve(
    application: Application,
    version: Version,
    channel: Channel = None,
    comment: Comment = "",
    output: Output = Format.TABLE,
) -> None:
    """Approve a release for the channel that asks for it. Says whether the upgrade from what the channel has was rehearsed."""
    _decide("approve", application, version, channel, comment, output)


def reject(
    application: Application,
    version: Version,
    channel: Channel = None,
    comment: Comment = "",
    output: Output = Format.TABLE,
) -> None:
    """Keep a release out of the channel that asks for it."""
    _decide("reject", application, version, channel, comment, output)


def _decide(decision: str, application: str, version: str, channel: str | None, comment: str, output: Format) -> None:
    from control_plane.cli.client import get_client

    client = get_client()
    found = _waiting(client.get("promotions", application=application), version, channel)
    if found is None:
        raise NotFound(f"no promotion of {application} {version} waits for a decision: see `tidegate release show`.")
    body = {"release_digest": found["release_digest"], "comment": comment}
    answer = client.post(f"promotions/{found['id']}/{decision}", body)
    if decision == "approve" and (upgrade := found["upgrade"]) is not None:
        _tell(upgrade)
    show(answer, output, lambda got: f"{application} {version} → {found['channel']}: {got['state']}")


def _tell(upgrade: dict[str, Any]) -> None:
    """Say on standard error which upgrade clusters will make; one that nobody saw is a warning."""
    if upgrade["is_rehearsed"]:
        typer.echo(upgrade["words"], err=True)
    else:
        print_warnings([upgrade["words"]])


def _waiting(rows: list[dict[str, Any]], version: str, channel: str | None) -> dict[str, Any] | None:
    waiting = (row for row in rows if row["state"] in {"proposed", "awaiting_approval", "approved"})
    return next((row for row in waiting if row["version"] == version and channel in {None, row["channel"]}), None)
