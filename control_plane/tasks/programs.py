"""The worker and the schedule as processes of their own, for brokers other than ``memory://``."""

import signal
from contextlib import ExitStack

import structlog
from celery.beat import Service

from control_plane.domain.errors import Refused
from control_plane.services.channel_files import channels_reconcile
from control_plane.services.outside import repository_of
from control_plane.settings import get_settings
from control_plane.tasks import heartbeat, nudges
from control_plane.tasks.app import DEFAULT_QUEUE, app
from control_plane.tasks.looker import looking
from control_plane.tasks.steps import clock

log = structlog.get_logger(__name__)


def worker_main(*, queues: str = DEFAULT_QUEUE, concurrency: int = 2) -> None:
    """Work on ``queues`` (a comma-separated list) until SIGTERM. Threads: most of the work waits for others."""
    _require_broker()
    nudges.install()
    heartbeat.install(app)
    arguments = ["worker", "--pool=threads", f"--concurrency={concurrency}", f"--queues={queues}", "--loglevel=WARNING"]
    with ExitStack() as stack:
        if DEFAULT_QUEUE in queues.split(","):
            channels_reconcile(repository=repository_of(get_settings()), clock=clock)
            stack.enter_context(looking())
        app.worker_main([*arguments, "--without-gossip", "--without-mingle"])


def beat_main() -> None:
    """Send by the clock what the schedule says, until SIGTERM."""
    _require_broker()
    service = schedule_service()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.stop())
    service.start()


def schedule_service() -> Service:
    """Return the schedule, kept in memory: at a start everything is due, which is what the sweeper wants."""
    return Service(app, scheduler_cls=heartbeat.BeatHeartbeat)


def _require_broker() -> None:
    if get_settings().is_embedded:
        raise Refused(
            "workers of their own need a broker between them: set TIDEGATE_BROKER_URL (redis://…), or use `tidegate up`",
            code="no_broker",
        )
