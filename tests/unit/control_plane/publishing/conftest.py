"""A repository in a temporary directory, with channels edge and stable."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cluster_agent.contract import Manifest, Rollout
from control_plane.publishing.keys import KeyRing
from control_plane.publishing.repository import Repository
from control_plane.publishing.storage import DirectoryStorage

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def manifest(generation: int, channel: str = "stable") -> Manifest:
    return Manifest(channel=channel, generation=generation, created=NOW)


def rollout(generation: int, channel: str = "stable", expires: datetime = NOW + 7 * DAY) -> Rollout:
    return Rollout(channel=channel, generation=generation, expires=expires)


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return every file's bytes and time of change: equal means that not one was even rewritten."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "publish.lock"]
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.fixture(autouse=True)
def no_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "keys")


@pytest.fixture
def repository(tmp_path: Path, keys: KeyRing) -> Repository:
    repository = Repository(DirectoryStorage(tmp_path / "repository"), keys)
    repository.initialise(channels=["edge", "stable"], now=NOW)
    return repository
