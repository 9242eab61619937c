"""The tasks in real processes: embedded with ``memory://`` and SQLite; worker and beat of their own with Redis and PostgreSQL.

Rows are written as another process would (a web server that crashed before it could send anything), so that the sweeper
has to find them; everything after that is chained.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
from sqlalchemy import Engine, select

from control_plane.domain.releases import ReleaseState
from control_plane.services import applications
from control_plane.services.resolving import Unresolved, read_manifest, release_settle
from control_plane.store import models
from control_plane.store.session import make_engine, session_scope
from tests.support.databases import free_port
from tests.support.world import Registry, declare

pytestmark = pytest.mark.services
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def process(
    part: str, environment: dict[str, str], log: Path, *, ends_with: int = 0
) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.support.task_process", part],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=output,
            stderr=output,
        )
    try:
        yield child
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=60) == ends_with, log.read_text()
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


def environment_of(folder: Path, database_url: str, **more: str) -> dict[str, str]:
    return {
        "TIDEGATE_DATA_DIR": str(folder),
        "TIDEGATE_CACHE_DIR": str(folder),
        "TIDEGATE_DATABASE_URL": database_url,
        "TIDEGATE_REGISTRY_MIRRORS": '{"*": "http://127.0.0.1:9"}',
        "TIDEGATE_SWEEP_SECONDS": "0.2",
        "TIDEGATE_LEASE_SECONDS": "2",
        "PYTHONPATH": str(ROOT),
        **more,
    }


def queue_release(engine: Engine, version: str) -> None:
    """Put a queued release into the database, without a message to anybody."""
    registry, declaration = Registry(), declare()
    registry.release(version)
    now = datetime.now(UTC)
    with session_scope(engine) as session:
        application = applications.application_declare(
            session, declaration=declaration, suite=None, actor="person:anna", now=now
        )
        chart = registry.digest(declaration.chart.oci, version)
        release = models.Release(
            application=application,
            version=version,
            chart_digest=chart,
            state=ReleaseState.DISCOVERED,
            state_since=now,
            discovered_at=now,
            discovered_by="test",
        )
        session.add(release)
        session.flush()
        unresolved = Unresolved(release.id, version, declaration.chart.source, version, chart, declaration)
        resolved = read_manifest(unresolved, registry, keep=lambda _: None)
        release_settle(session, unresolved=unresolved, resolved=resolved, now=now)


def eventually(check: Callable[[], bool], log: Path, seconds: float = 120.0) -> float:
    """Wait until ``check`` holds; return how long it took."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        if check():
            return time.monotonic() - begun
        time.sleep(0.05)
    raise AssertionError(f"it did not happen within {seconds} s\n{log.read_text()[-5000:]}")


def is_on_edge(engine: Engine, version: str) -> bool:
    """The release is published in edge, and the signed files say so."""
    with session_scope(engine) as session:
        found = session.scalars(
            select(models.Publication).join(models.Channel).where(models.Channel.name == "edge")
        ).all()
        return any(
            row.files_at is not None and application["release"] == version
            for row in found
            for application in row.manifest["applications"]
        )


def has_looked(engine: Engine) -> bool:
    with session_scope(engine) as session:
        return session.scalars(select(models.Source).limit(1)).one().unknown_since is not None


def test_embedded_everything_happens_in_one_process(sqlite_url: str, tmp_path: Path) -> None:
    engine, log = make_engine(sqlite_url), tmp_path / "log"
    queue_release(engine, "2.2.8")
    with process("embedded", environment_of(tmp_path, sqlite_url), log):
        eventually(lambda: is_on_edge(engine, "2.2.8"), log)
        eventually(lambda: has_looked(engine), log)
        queue_release(engine, "2.2.16")
        eventually(lambda: is_on_edge(engine, "2.2.16"), log)
    assert (tmp_path / "tuf" / "metadata" / "timestamp.json").exists()
    assert "Traceback" not in log.read_text()
    engine.dispose()


def test_a_killed_embedded_process_goes_on_where_it_was(sqlite_url: str, tmp_path: Path) -> None:
    engine, log, environment = make_engine(sqlite_url), tmp_path / "log", environment_of(tmp_path, sqlite_url)
    (tmp_path / "rehearsal-seconds").write_text("60")
    queue_release(engine, "2.2.8")

    def is_testing() -> bool:
        with session_scope(engine) as session:
            return session.scalars(select(models.RunStep)).first() is not None

    with process("embedded", environment, log, ends_with=-signal.SIGKILL) as child:
        eventually(is_testing, log)
        child.kill()
    (tmp_path / "rehearsal-seconds").write_text("0")
    with process("embedded", environment, log):
        eventually(lambda: is_on_edge(engine, "2.2.8"), log)
    with session_scope(engine) as session:
        verdicts = session.scalars(select(models.Run.verdict).order_by(models.Run.id)).all()
    assert verdicts == ["errored", "passed"]
    engine.dispose()


def test_a_control_plane_ends_soon_after_ctrl_c_though_a_rehearsal_runs(sqlite_url: str, tmp_path: Path) -> None:
    engine, log = make_engine(sqlite_url), tmp_path / "log"
    (tmp_path / "rehearsal-seconds").write_text("300")
    queue_release(engine, "2.2.8")
    environment = environment_of(tmp_path, sqlite_url, TIDEGATE_PORT=str(free_port()))

    def is_testing() -> bool:
        with session_scope(engine) as session:
            return session.scalars(select(models.RunStep)).first() is not None

    with process("up", environment, log) as child:
        eventually(is_testing, log)
        begun = time.monotonic()
        child.send_signal(signal.SIGINT)
        child.wait(timeout=60)
    assert time.monotonic() - begun < 60
    assert "is repeated after the next start" in log.read_text()
    engine.dispose()


def test_worker_and_beat_with_redis_lose_nothing_when_redis_is_wiped(
    postgres_url: str, redis_server: str, tmp_path: Path
) -> None:
    engine, log = make_engine(postgres_url), tmp_path / "log"
    environment = environment_of(tmp_path, postgres_url, TIDEGATE_BROKER_URL=redis_server)
    broker = redis.Redis.from_url(redis_server)
    with ExitStack() as stack:
        for part in ("worker", "beat"):
            stack.enter_context(process(part, environment, log))
        queue_release(engine, "2.2.8")
        eventually(lambda: is_on_edge(engine, "2.2.8"), log)
        broker.flushall()
        queue_release(engine, "2.2.16")
        eventually(lambda: is_on_edge(engine, "2.2.16"), log)
    broker.close()
    engine.dispose()
