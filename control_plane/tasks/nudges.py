"""Sends nudges as Celery messages, once their transaction is committed. Every process that changes rows installs this once."""

from control_plane.store.nudges import Nudge, set_sender
from control_plane.tasks.app import app

LIFETIME_SECONDS = 60.0  # what waits longer is found again by the sweeper


def send(nudge: Nudge) -> None:
    """Send one nudge without retries: the sweeper is the retry."""
    app.send_task(f"tidegate.{nudge.work}", args=(nudge.row_id,), expires=LIFETIME_SECONDS, retry=False)


def install() -> None:
    """Let this process send its nudges."""
    set_sender(send)
