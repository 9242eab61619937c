"""What happens by the clock happens at a start too: nobody knows how long nothing ran before."""

from control_plane.settings import Settings
from control_plane.tasks.app import make_app
from control_plane.tasks.heartbeat import BeatHeartbeat


def test_at_a_start_everything_is_due() -> None:
    scheduler = BeatHeartbeat(make_app(Settings()), lazy=True)
    scheduler.setup_schedule()
    due = {entry.name for entry in scheduler.schedule.values() if entry.is_due().is_due}
    assert {"sweep", "review", "renew", "charts"} <= due
