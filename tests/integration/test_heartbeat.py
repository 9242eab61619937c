"""Worker and beat say that they work by touching a file, and stop saying so when their broker is gone."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import databases

pytestmark = pytest.mark.services
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def running(part: str, environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "control_plane", part], env=environment, stdout=output, stderr=output
        )
    try:
        yield
    finally:
        child.kill()
        child.wait()


def touched_after(file: Path, moment: float, seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if file.exists() and file.stat().st_mtime > moment:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("part", ["worker", "beat"])
def test_the_file_is_touched_again_and_again(part: str, sqlite_url: str, redis_server: str, tmp_path: Path) -> None:
    file, log = tmp_path / "heartbeat", tmp_path / "log"
    with running(part, _environment(tmp_path, sqlite_url, redis_server, file), log):
        assert touched_after(file, 0), log.read_text()
        assert touched_after(file, file.stat().st_mtime + 2), log.read_text()


def test_a_worker_without_its_broker_touches_nothing(sqlite_url: str, tmp_path: Path) -> None:
    file, log, folder = tmp_path / "heartbeat", tmp_path / "log", tmp_path / "redis"
    folder.mkdir()
    with databases.redis(folder) as broker:
        environment = _environment(tmp_path, sqlite_url, broker, file)
        with running("worker", environment, log):
            assert touched_after(file, 0), log.read_text()
        file.unlink()
    with running("worker", environment, log):
        assert not touched_after(file, 0, seconds=10)


def _environment(folder: Path, database: str, broker: str, file: Path) -> dict[str, str]:
    chosen = {
        "TIDEGATE_DATA_DIR": str(folder),
        "TIDEGATE_DATABASE_URL": database,
        "TIDEGATE_BROKER_URL": broker,
        "TIDEGATE_HEARTBEAT_FILE": str(file),
        "PYTHONPATH": str(ROOT),
    }
    return os.environ | chosen
