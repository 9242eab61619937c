"""Folders that live as long as one piece of work, and the sweeping up of those whose owner was killed."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KINDS = ("run", "rehearsal", "suite")
LONGEST_SECONDS = 24 * 3600.0
"""No rehearsal takes that long: what was not touched since belongs to nobody."""


@contextmanager
def scratch(kind: str) -> Iterator[Path]:
    """A new, empty folder, gone afterwards. Sweeps up first."""
    sweep(Path(tempfile.gettempdir()), time.time())
    with tempfile.TemporaryDirectory(prefix=f"tidegate-{kind}-") as folder:
        yield Path(folder)


def sweep(place: Path, now: float) -> None:
    """Remove what killed processes left in `place`. `now` in seconds since 1970. What is another user's stays."""
    for kind in KINDS:
        remove_abandoned(place.glob(f"tidegate-{kind}-*"), now)


def remove_abandoned(found: Iterable[Path], now: float) -> None:
    """Remove the files and folders that nobody touched for so long. Another process may sweep too; a link is not followed."""
    for path in found:
        with suppress(OSError):
            if now - path.lstat().st_mtime > LONGEST_SECONDS:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
