"""Packed charts kept by digest: once, whole, and under a name that nobody can bend."""

import hashlib
import os
import signal
import subprocess
import sys
import time

import pytest

from control_plane.domain.errors import InvalidInput
from control_plane.publishing.artifacts import artifact_keep, artifact_path
from control_plane.publishing.storage import DirectoryStorage

CHART = b"a packed chart"
DIGEST = f"sha256:{hashlib.sha256(CHART).hexdigest()}"
KEEPS_FOR_EVER = """
import sys
from pathlib import Path
from control_plane.publishing.artifacts import artifact_keep
from control_plane.publishing.storage import DirectoryStorage
storage, number = DirectoryStorage(Path(sys.argv[1])), 0
print("ready", flush=True)
while True:
    artifact_keep(storage, number.to_bytes(4, "big") * 500_000)
    number += 1
"""


@pytest.fixture
def storage(tmp_path):
    return DirectoryStorage(tmp_path)


def test_a_chart_is_kept_under_its_digest(storage):
    assert artifact_keep(storage, CHART) == DIGEST
    assert storage.read(artifact_path(DIGEST)) == CHART


def test_a_chart_that_is_there_is_not_written_again(storage):
    artifact_keep(storage, CHART)
    before = (storage.root / artifact_path(DIGEST)).stat()
    artifact_keep(storage, CHART)
    after = (storage.root / artifact_path(DIGEST)).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_damaged_chart_is_written_again(storage):
    artifact_keep(storage, CHART)
    (storage.root / artifact_path(DIGEST)).write_bytes(CHART[:5])
    artifact_keep(storage, CHART)
    assert storage.read(artifact_path(DIGEST)) == CHART


@pytest.mark.parametrize(
    "digest",
    ["", "sha256:", f"sha256:{'A' * 64}", f"sha256:{'a' * 63}", f"sha256:{'a' * 64}\n", "sha256:../../keys", "a" * 64],
)
def test_only_a_digest_names_a_chart(digest):
    with pytest.raises(InvalidInput, match="sha256: and 64 hexadecimal digits"):
        artifact_path(digest)


def test_a_writer_that_is_killed_leaves_whole_charts_only(storage):
    for _ in range(3):
        command = [sys.executable, "-c", KEEPS_FOR_EVER, str(storage.root)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout
            assert writer.stdout.readline()
            until_some_are_kept(storage)
            os.kill(writer.pid, signal.SIGKILL)
        for name in storage.names("artifacts"):
            content = storage.read(f"artifacts/{name}")
            assert content is not None
            assert name == f"sha256-{hashlib.sha256(content).hexdigest()}.tgz"
        for name in storage.names("artifacts"):
            (storage.root / "artifacts" / name).unlink()


def until_some_are_kept(storage):
    for _ in range(1000):
        if len(storage.names("artifacts")) >= 3:
            return
        time.sleep(0.01)
    raise AssertionError("nothing is kept within 10 s")


def test_what_a_killed_writer_left_is_swept_and_what_is_being_written_is_not(storage):
    artifact_keep(storage, CHART)
    folder = storage.root / "artifacts"
    for name, hours in (("old", 2), ("new", 0)):
        (folder / f".tmp-{name}").write_bytes(CHART)
        then = time.time() - hours * 3600
        os.utime(folder / f".tmp-{name}", (then, then))
    assert storage.sweep() == 1
    assert [one.name for one in folder.glob(".tmp-*")] == [".tmp-new"]
    assert storage.read(artifact_path(DIGEST)) == CHART
