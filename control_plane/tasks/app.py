"""The Celery application, from settings. A message is a nudge: it carries an id, may be lost, may come twice.

Rehearsals have a queue of their own: one takes minutes and must not keep detection waiting.
``memory://`` keeps everything in this process (``tasks.embedded``); any other broker has workers and beat of its own.
"""

from celery import Celery

from control_plane.settings import Settings, get_settings

DEFAULT_QUEUE = "tidegate"
REHEARSALS_QUEUE = "rehearsals"
REASSIGN_SECONDS = 60.0
REVIEW_SECONDS = 15.0
RENEW_SECONDS = 3600.0
CHARTS_SECONDS = 3600.0
CHECK_SECONDS = 300.0
IN_PROCESS = "memory://localhost//"
POLLING_SECONDS = 0.05
BROKER_TIMEOUT_SECONDS = 2.0


def make_app(settings: Settings) -> Celery:
    """Return the configured application."""
    broker = IN_PROCESS if settings.is_embedded else settings.broker
    app = Celery("tidegate", broker=broker, include=["control_plane.tasks.steps"], set_as_current=False)
    app.conf.update(
        task_default_queue=DEFAULT_QUEUE,
        task_routes={"tidegate.release_rehearse": {"queue": REHEARSALS_QUEUE}},
        task_ignore_result=True,
        result_expires=None,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_serializer="json",
        accept_content=["json"],
        timezone="UTC",
        enable_utc=True,
        worker_hijack_root_logger=False,
        # In memory Celery acknowledges only between reads of up to 2 s: with a limit, four messages would go through in that
        # time. The messages lie in this process anyway.
        worker_prefetch_multiplier=0 if settings.is_embedded else 1,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=BROKER_TIMEOUT_SECONDS,
        broker_transport_options=_transport_options(settings),
        beat_max_loop_interval=min(1.0, settings.sweep_seconds),
        beat_schedule=_schedule(settings),
    )
    return app


def _transport_options(settings: Settings) -> dict[str, float]:
    if settings.is_embedded:
        return {"polling_interval": POLLING_SECONDS}
    return {"socket_connect_timeout": BROKER_TIMEOUT_SECONDS, "socket_timeout": 30.0}


def _schedule(settings: Settings) -> dict[str, dict[str, object]]:
    """What happens by the clock. A message that waits longer than its interval is dropped: the next one does the same."""
    every = {
        "sweep": settings.sweep_seconds,
        "review": REVIEW_SECONDS,
        "renew": RENEW_SECONDS,
        "charts": CHARTS_SECONDS,
        "reassign": REASSIGN_SECONDS,
        "check": CHECK_SECONDS,
    }
    return {
        name: {"task": f"tidegate.{name}", "schedule": seconds, "options": {"expires": seconds}}
        for name, seconds in every.items()
    }


app = make_app(get_settings())
app.set_default()
