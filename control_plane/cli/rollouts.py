"""``tidegate rollout …``: a generation on its way over the clusters."""

from typing import Any

import typer

from control_plane.cli.arguments import Reason, Rollout
from control_plane.cli.output import Format, Output, age, show, table

app = typer.Typer(help="Rollouts: see, halt, let go on.", no_args_is_help=True)


@app.command("list")
def list_rollouts(output: Output = Format.TABLE) -> None:
    """Rollouts, newest first, with state and reason."""
    from control_plane.cli.client import get_client

    show(get_client().get("rollouts"), output, _list)


@app.command("halt")
def halt(rollout: Rollout, reason: Reason) -> None:
    """Let no further cluster take this generation."""
    _move(rollout, "halt", reason)


@app.command("resume")
def resume(rollout: Rollout, reason: Reason) -> None:
    """Let a halted rollout go on."""
    _move(rollout, "resume", reason)


def _move(rollout: int, move: str, reason: str) -> None:
    from control_plane.cli.client import get_client

    answer = get_client().post(f"rollouts/{rollout}/{move}", {"reason": reason})
    typer.echo(f"rollout {rollout} is {answer['state']}")


def _list(rows: list[dict[str, Any]]) -> Any:
    return table(
        ("ROLLOUT", "CHANNEL", "GENERATION", "STATE", "SINCE", "REASON"),
        (
            (row["id"], row["channel"], row["generation"], row["state"], age(row["state_since"]), row["state_reason"])
            for row in rows
        ),
        empty="No rollouts yet: the first begins when a release is published.",
    )
