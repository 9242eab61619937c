"""What the person at the terminal sees of long work, on standard error: one line a step, with its time and size.

On a terminal a live line shows the steps that are running and how long they are expected to take.
"""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_REFRESH_SECONDS = 0.5
_lock = threading.RLock()
_running: list[Step] = []


@dataclass
class Step:
    """One piece of work that is under way."""

    what: str
    expected: float | None
    started: float = field(default_factory=time.monotonic)
    result: str = ""

    def made(self, path: Path) -> None:
        """Tell what came out: its size is shown when the step ends."""
        self.result = format_size(path.stat().st_size)

    @property
    def elapsed(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self.started

    def live(self) -> str:
        """How the live line shows it, such as `kind 12/48 s`."""
        expected = f"/{self.expected:.0f}" if self.expected else ""
        return f"{self.what} {self.elapsed:.0f}{expected} s"


@contextmanager
def step(what: str, *, expected: float | None = None) -> Iterator[Step]:
    """Show `what` while the block runs. `expected` is its duration in seconds on two cores, where known."""
    this = Step(what, expected)
    about = f" (about {expected:.0f} s)" if expected else ""
    if not sys.stderr.isatty():
        note(f"{what}{about} …")
    _begin(this)
    try:
        yield this
    except BaseException:
        _end(this, f"✗ {what}: stopped after {this.elapsed:.1f} s")
        raise
    _end(this, f"✓ {what}: {this.elapsed:.1f} s" + (f", {this.result}" if this.result else ""))


def note(text: str) -> None:
    """One line for the person, above the live line."""
    with _lock:
        clear = "\r\x1b[K" if sys.stderr.isatty() else ""
        sys.stderr.write(f"{clear}  {text}\n")
        sys.stderr.flush()


def format_size(size: float) -> str:
    """`size` bytes as people read it: 181 MB."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _begin(this: Step) -> None:
    with _lock:
        _running.append(this)
        if len(_running) == 1 and sys.stderr.isatty():
            threading.Thread(target=_keep_live, name="progress", daemon=True).start()


def _end(this: Step, line: str) -> None:
    with _lock:
        _running.remove(this)
        note(line)


def _keep_live() -> None:
    while True:
        with _lock:
            if not _running:
                return
            text = " · ".join(each.live() for each in _running)[:150]
            sys.stderr.write(f"\r\x1b[K  … {text}")
            sys.stderr.flush()
        time.sleep(_REFRESH_SECONDS)
