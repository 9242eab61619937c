"""Workers and the schedule as threads of this process, for ``tidegate up``. The same tasks, the same rows."""

import threading
import time
from collections.abc import Callable

import structlog
from celery.worker import WorkController

from control_plane.services.channel_files import channels_reconcile
from control_plane.services.outside import repository_of
from control_plane.settings import get_settings
from control_plane.tasks import nudges, steps
from control_plane.tasks.app import DEFAULT_QUEUE, REHEARSALS_QUEUE, make_app
from control_plane.tasks.looker import looking
from control_plane.tasks.programs import schedule_service

STEP_THREADS = 4
STOP_SECONDS = 5.0
log = structlog.get_logger(__name__)


def start_embedded(stop: threading.Event) -> Callable[[], bool]:
    """Start everything; it ends when ``stop`` is set.

    The function that is returned waits a few seconds for that end and says whether it has come: a rehearsal takes longer.
    """
    settings = get_settings()
    channels_reconcile(repository=repository_of(settings), clock=steps.clock)
    nudges.install()
    programs = [
        _worker(DEFAULT_QUEUE, STEP_THREADS),
        _worker(REHEARSALS_QUEUE, settings.rehearsal_workers),
        schedule_service(),
    ]
    threads = [
        threading.Thread(target=program.start, name=f"tidegate-{name}", daemon=True)
        for name, program in zip(("steps", "rehearsals", "beat"), programs, strict=True)
    ]
    for thread in threads:
        thread.start()

    def end() -> None:
        with looking():
            stop.wait()
        for program in reversed(programs):
            program.stop()

    ender = threading.Thread(target=end, name="tidegate-stop", daemon=True)
    ender.start()

    def join() -> bool:
        deadline = time.monotonic() + STOP_SECONDS
        for thread in (ender, *threads):
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in (ender, *threads))

    return join


def _worker(queue: str, threads: int) -> WorkController:
    """Return a worker on one queue. Each has an application of its own: which queues are consumed is kept there."""
    return make_app(get_settings()).WorkController(
        queues=[queue],
        pool="threads",
        concurrency=threads,
        hostname=f"{queue}@embedded",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
