"""What the server commands do: prepare (folders, tables, keys), then run. Everything here may be killed at any moment and started again."""

import asyncio
import fcntl
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import IO

import structlog
from rich.console import Console

from control_plane.cli.client import LOCAL_TOKEN, LOCAL_URL, read_text
from control_plane.domain.errors import Refused
from control_plane.logs import configure_logs
from control_plane.settings import Settings, get_settings, unknown_names
from test_harness.runner import warm_clusters

LEAST_FREE_BYTES = 64 * 1024 * 1024
log = structlog.get_logger(__name__)


def run_embedded() -> None:
    """Web, worker and schedule in this process."""
    settings = _prepare()
    with _only_one(settings):
        _initialise(settings)
        stop = threading.Event()
        from control_plane.tasks.embedded import start_embedded

        with _warm(settings):
            join = start_embedded(stop)
            try:
                _serve(settings)
            finally:
                stop.set()
                all_ended = join()
    if not all_ended:
        log.info("a rehearsal under way ends with this process, and is repeated after the next start")
        sys.stderr.flush()
        os._exit(0)  # an ordinary end would wait for its thread; its harness ends as soon as we do


def _warm(settings: Settings) -> AbstractContextManager[None]:
    size = settings.warm_clusters if settings.rehearsal_provider == "kind" else 0
    return warm_clusters(size, settings.data_dir / "warm-clusters.log")


def run_web() -> None:
    """The web server alone."""
    settings = _prepare()
    _initialise(settings)
    from control_plane.services.channel_files import channels_reconcile
    from control_plane.services.outside import repository_of
    from control_plane.tasks import nudges
    from control_plane.tasks.steps import clock

    if settings.signs:
        channels_reconcile(repository=repository_of(settings), clock=clock)
    nudges.install()
    _serve(settings)


def run_worker(*, queues: str, concurrency: int) -> None:
    """A Celery worker in this process."""
    settings = _prepare()
    from control_plane.tasks.app import REHEARSALS_QUEUE
    from control_plane.tasks.programs import worker_main

    rehearses = REHEARSALS_QUEUE in queues.split(",")
    with _warm(settings) if rehearses else nullcontext():
        worker_main(queues=queues, concurrency=concurrency)


def run_beat() -> None:
    """Celery's schedule in this process."""
    _prepare()
    from control_plane.tasks.programs import beat_main

    beat_main()


def run_migrate() -> None:
    """Bring both migration roots to their newest revision."""
    settings = _prepare()
    from control_plane.store.migrate import turn_to_prepare

    with turn_to_prepare(settings.database):
        _migrate(settings)
    log.info("the database has this version's tables")


def _prepare() -> Settings:
    settings = get_settings()
    configure_logs(level=settings.log_level, log_format=settings.log_format)
    for variable, meant in unknown_names().items():
        log.warning("a variable is not known and does nothing", variable=variable, meant=meant or None)
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        free = shutil.disk_usage(settings.data_dir).free
    except OSError as error:
        raise Refused(
            f"cannot use the data directory {settings.data_dir}: {error.strerror}. Set TIDEGATE_DATA_DIR.",
            code="data_dir",
        ) from error
    if free < LEAST_FREE_BYTES:
        raise Refused(
            f"the disk of {settings.data_dir} has {free // 2**20} MiB left; at least {LEAST_FREE_BYTES // 2**20} MiB are "
            "needed to start safely. Free some space or set TIDEGATE_DATA_DIR.",
            code="disk_full",
        )
    return settings


@contextmanager
def _only_one(settings: Settings) -> Iterator[IO[str]]:
    """Hold the data directory's lock: two embedded control planes on one directory would fight."""
    path = settings.data_dir / "lock"
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refused(
                f"another `tidegate up` works in {settings.data_dir}: end it, or choose another TIDEGATE_DATA_DIR.",
                code="data_dir_in_use",
            ) from None
        yield lock


def _migrate(settings: Settings) -> None:
    from control_plane.store.migrate import upgrade_database
    from control_plane.web.accounts.migrate import upgrade_accounts

    upgrade_database(settings.database)
    upgrade_accounts()


def _initialise(settings: Settings) -> None:
    """Tables, keys, first administrator and the local client's token. Does nothing that is already done."""
    from control_plane.store.migrate import turn_to_prepare
    from control_plane.web.server import check_free

    check_free(_addresses(settings), settings.port)
    with turn_to_prepare(settings.database):
        _migrate(settings)
        _first_sign_in(settings)


def _first_sign_in(settings: Settings) -> None:
    from control_plane.web.accounts.local import ensure_local_token
    from control_plane.web.accounts.people import ensure_first_admin

    password = ensure_first_admin()
    if password is not None:
        _announce_password(settings, password)
    token = ensure_local_token(read_text(settings.data_dir / LOCAL_TOKEN))
    if token is not None:
        _write_private(settings.data_dir / LOCAL_TOKEN, token)
    _write_private(settings.data_dir / LOCAL_URL, settings.url)


def _announce_password(settings: Settings, password: str) -> None:
    console = Console(stderr=True, highlight=False)
    console.print("\n[bold]First sign-in[/bold] (shown once; change it under Settings):")
    console.print(f"  {settings.url}   user [bold]admin[/bold]   password [bold]{password}[/bold]\n")


def _write_private(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.new")
    with open(temporary, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
    temporary.replace(path)


def _addresses(settings: Settings) -> list[str]:
    return list(dict.fromkeys((settings.host, *settings.also_listen)))


def _serve(settings: Settings) -> None:
    from control_plane.web.asgi import application
    from control_plane.web.server import serve

    def say() -> None:
        print(f"Tidegate is at {settings.url}", file=sys.stderr, flush=True)  # noqa: T201

    asyncio.run(serve(application, _addresses(settings), settings.port, on_started=say))
    log.info("stopped")
