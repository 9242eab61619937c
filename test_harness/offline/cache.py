"""The cache directory: artefacts under a key of their sources, each beside its checksum.

An artefact is made at a temporary name and renamed, so whatever has its final name is whole. What has been truncated
or changed since is noticed (size and time first, the SHA-256 only where those differ) and made again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from test_harness.offline.progress import note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def cache_dir() -> Path:
    """`TIDEGATE_CACHE_DIR`, or `~/.cache/tidegate`. Made where it is missing."""
    named = os.environ.get("TIDEGATE_CACHE_DIR")
    path = Path(named).expanduser().absolute() if named else Path.home() / ".cache" / "tidegate"
    path.mkdir(parents=True, exist_ok=True)
    return path


def key_of(*parts: str | Path) -> str:
    """16 hexadecimal digits of the parts: texts as they are, files and folders by names and contents."""
    digest = hashlib.sha256()
    for part in parts:
        for name, content in _contents(part):
            digest.update(f"{len(name)}:{name}{len(content)}:".encode() + content)
    return digest.hexdigest()[:16]


def _contents(part: str | Path) -> Iterator[tuple[str, bytes]]:
    if isinstance(part, str):
        yield "", part.encode()
    elif part.is_dir():
        for path in sorted(p for p in part.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
            yield path.relative_to(part).as_posix(), path.read_bytes()
    else:
        yield part.name, part.read_bytes()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` against other processes and threads. The kernel frees it when the holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note(f"waiting for another process that holds {path}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def artefact_path(name: str, key: str) -> Path:
    """Where an artefact lies, whether it has been made or not."""
    return cache_dir() / "artefacts" / key / name


def cached_file(name: str, key: str, make: Callable[[Path], None]) -> Path:
    """The intact file `artefacts/KEY/NAME` of the cache; `make` writes it to the path that it is given where needed."""
    path = artefact_path(name, key)
    if is_intact(path):
        return path
    with locked(path.with_name(f".{name}.lock")):
        if is_intact(path):
            return path
        if path.exists():
            note(f"{path} is damaged (its checksum does not match): making it again")
        _make(path, make)
    return path


def _make(path: Path, make: Callable[[Path], None]) -> None:
    work = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        made = work / path.name
        make(made)
        record = work / "record"
        record.write_text(json.dumps(_measure(made)))
        record.replace(_record(path))
        made.replace(path)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def is_intact(path: Path) -> bool:
    """Whether the file is there and is what was once recorded for it."""
    try:
        recorded = json.loads(_record(path).read_text())
        seen = path.stat()
    except (OSError, ValueError):
        return False
    if seen.st_size != recorded.get("size"):
        return False
    return bool(seen.st_mtime_ns == recorded.get("mtime_ns") or sha256_of(path) == recorded.get("sha256"))


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _measure(path: Path) -> dict[str, str | int]:
    seen = path.stat()
    return {"sha256": sha256_of(path), "size": seen.st_size, "mtime_ns": seen.st_mtime_ns}


def _record(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")
