"""Where published files live. One rule: a file is there whole or not at all, also after a power cut.

``Storage`` is the small protocol behind which buckets can stand; ``DirectoryStorage`` is the directory that any
web server can serve.
"""

import os
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from control_plane.domain.errors import Transient
from control_plane.publishing.layout import ARTIFACTS

TEMPORARY_PREFIX = ".tmp-"
WRITING_SECONDS = 3600.0


class Storage(Protocol):
    """Files by relative name with ``/``. A write replaces the whole file in one step."""

    def read(self, name: str) -> bytes | None:
        """Return the content, or None where there is no such file."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Store ``data`` durably under ``name``. Raises ``Transient`` when it cannot be stored now."""
        ...

    def names(self, folder: str) -> list[str]:
        """Return the names directly in ``folder``, sorted."""
        ...

    def written_at(self, name: str) -> datetime | None:
        """Return when a file was written, or None where there is no such file."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is removed already. Raises ``Transient`` when it cannot be removed now."""
        ...


class DirectoryStorage:
    """Files below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, name: str) -> bytes | None:
        """Return the content, or None where there is no such file."""
        return read_if_present(self.root / name)

    def write(self, name: str, data: bytes) -> None:
        """Write beside the file, then rename over it."""
        write_atomically(self.root / name, data)

    def names(self, folder: str) -> list[str]:
        """Return the names directly in ``folder``, sorted; files of unfinished writes are left out."""
        with suppress(FileNotFoundError, NotADirectoryError):
            names = [path.name for path in (self.root / folder).iterdir()]
            return sorted(name for name in names if not name.startswith(TEMPORARY_PREFIX))
        return []

    def written_at(self, name: str) -> datetime | None:
        """Return when a file was written, or None where there is no such file."""
        try:
            return datetime.fromtimestamp((self.root / name).stat().st_mtime, UTC)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is removed already."""
        try:
            (self.root / name).unlink(missing_ok=True)
        except OSError as error:
            words = f"cannot remove {self.root / name}: {error.strerror or error}; mend the permissions"
            raise Transient(words, code="storage_unwritable") from error

    def sweep(self) -> int:
        """Remove what killed writers left behind; call only while holding the publisher's lock. Returns how many."""
        leftovers = [path for path in self.root.rglob(f"{TEMPORARY_PREFIX}*") if not _in_work(path)]
        for path in leftovers:
            path.unlink(missing_ok=True)
        return len(leftovers)


def _in_work(path: Path) -> bool:
    """True if another process may be writing ``path``: charts are kept without the publisher's lock."""
    try:
        return path.parent.name == ARTIFACTS and time.time() - path.stat().st_mtime < WRITING_SECONDS
    except FileNotFoundError:
        return True


def read_if_present(path: Path) -> bytes | None:
    """Return the bytes of ``path``, or None where there is no such file."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace ``path`` by ``data`` so that a reader, or a kill at any moment, meets the old bytes or the new ones.

    Raises ``Transient`` when the disk is full or may not be written; the old file stays as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_and_rename(path, data, mode)
    except OSError as error:
        raise Transient(
            f"cannot write {path}: {error.strerror or error}; free space or mend the permissions, then it goes on by itself",
            code="storage_unwritable",
        ) from error


def _write_and_rename(path: Path, data: bytes, mode: int) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the renames in ``path`` survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
