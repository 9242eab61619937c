"""A file that worker and beat touch while their loops turn, for health checks from outside: `find FILE -mmin -1`.

A loop that hangs, or that waits for its broker, stops touching it. Without ``TIDEGATE_HEARTBEAT_FILE`` nothing is done.
"""

from datetime import timedelta
from typing import Any

from celery import Celery, bootsteps
from celery.beat import Scheduler

from control_plane.settings import get_settings

SECONDS = 5.0


def touch() -> None:
    """Say that this process works."""
    file = get_settings().heartbeat_file
    if file is not None:
        file.touch()


class WorkerHeartbeat(bootsteps.StartStopStep):  # type: ignore[misc]  # celery has no types
    """Touches from the worker's own timer, once its connection to the broker stands."""

    requires = {"celery.worker.consumer.tasks:Tasks"}

    def start(self, consumer: Any) -> None:
        """Begin; the timer goes with the connection."""
        touch()
        self.entry = consumer.timer.call_repeatedly(SECONDS, touch)

    def stop(self, consumer: Any) -> None:
        """End: the connection is lost or the worker stops."""
        del consumer
        self.entry.cancel()


class BeatHeartbeat(Scheduler):  # type: ignore[misc]  # celery has no types
    """The schedule in memory, which touches at each turn. At a start everything is due: nobody knows what the last one left."""

    def setup_schedule(self) -> None:
        """Read the schedule; Celery itself would wait one whole interval first."""
        super().setup_schedule()
        for entry in self.schedule.values():
            entry.last_run_at = entry.default_now() - timedelta(days=1)

    def tick(self, *arguments: Any, **options: Any) -> Any:
        """Send what is due."""
        touch()
        return super().tick(*arguments, **options)


def install(app: Celery) -> None:
    """Let workers of ``app`` touch the file."""
    app.steps["consumer"].add(WorkerHeartbeat)
