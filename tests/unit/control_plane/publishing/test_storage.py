"""A write that the disk refuses leaves the old file, no rubbish, and words that say what to do."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from control_plane.domain.errors import Transient
from control_plane.publishing.artifacts import artifact_keep
from control_plane.publishing.storage import DirectoryStorage, write_atomically

OLD = b"the old content"
LARGE = b"x" * 300_000
LIMITED = f"""
import resource, signal, sys
from pathlib import Path
from control_plane.domain.errors import Transient
from control_plane.publishing.storage import write_atomically
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_atomically(Path(sys.argv[1]), b"x" * {len(LARGE)})
except Transient as error:
    print(error.code, error)
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB. Skipped where nobody may mount one; the limit on one file's size is tried everywhere."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tidegate-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small file system can be mounted by root only")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_the_old_file_and_no_rubbish(small_disk: Path) -> None:
    path = small_disk / "metadata" / "timestamp.json"
    write_atomically(path, OLD)
    with pytest.raises(Transient, match="No space left on device; free space") as caught:
        write_atomically(path, LARGE)
    assert caught.value.code == "storage_unwritable"
    assert path.read_bytes() == OLD
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_full_disk_that_was_cleared_is_written_again(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(200_000))
    storage = DirectoryStorage(small_disk)
    with pytest.raises(Transient):
        artifact_keep(storage, LARGE[:100_000])
    assert storage.names("artifacts") == []
    ballast.unlink()
    artifact_keep(storage, LARGE[:100_000])
    assert len(storage.names("artifacts")) == 1
    assert storage.sweep() == 0


def test_a_disk_without_room_for_a_folder(small_disk: Path) -> None:
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        (small_disk / "ballast").write_bytes(bytes(300_000))
    with pytest.raises(Transient) as caught:
        write_atomically(small_disk / "metadata" / "a.json", OLD)
    assert caught.value.code == "storage_unwritable"


def test_a_limit_on_a_files_size_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, OLD)
    told = subprocess.run([sys.executable, "-c", LIMITED, path], capture_output=True, text=True, check=True).stdout
    assert told.startswith("storage_unwritable cannot write")
    assert os.strerror(errno.EFBIG) in told
    assert path.read_bytes() == OLD
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "metadata").write_bytes(OLD)
    with pytest.raises(Transient) as caught:
        write_atomically(tmp_path / "metadata" / "a.json", OLD)
    assert caught.value.code == "storage_unwritable"
