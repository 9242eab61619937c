"""What the person at the terminal sees of the story: each step with its time, what is being waited for, and a table at the end."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from test_harness.offline.progress import note, step

T = TypeVar("T")
POLL_SECONDS = 0.2


class StoryFailed(Exception):
    """A step of the story did not come true: the message says what was seen instead."""


@dataclass(frozen=True)
class Moment:
    """One row of the closing table: seconds since the story began, how long it took, what happened."""

    at: float
    took: float
    what: str


@dataclass
class Narrator:
    """Tells the steps and remembers when what happened."""

    began: float = field(default_factory=time.monotonic)
    moments: list[Moment] = field(default_factory=list)

    def chapter(self, title: str) -> None:
        """Begin a new part of the story."""
        note(f"\n  ── {title} ── {self._clock()}")

    @contextmanager
    def step(self, what: str, *, expected: float | None = None) -> Iterator[None]:
        """Show ``what`` with its time; remember it for the table when it came true."""
        begun = time.monotonic()
        with step(what, expected=expected):
            yield
        self.moments.append(Moment(begun - self.began, time.monotonic() - begun, what))

    def tell(self, text: str) -> None:
        """Say something in passing."""
        note(f"  {text}")

    def wait(self, what: str, probe: Callable[[], T | None], *, seconds: float, explain: Callable[[], str] = str) -> T:
        """Ask ``probe`` until it gives something; ``explain`` says what was seen instead when the time is over."""
        with self.step(what):
            deadline = time.monotonic() + seconds
            while True:
                found = probe()
                if found is not None:
                    return found
                if time.monotonic() > deadline:
                    raise StoryFailed(f"{what}: not within {seconds:.0f} s. Seen instead: {explain() or 'nothing'}")
                time.sleep(POLL_SECONDS)

    def table(self) -> str:
        """What happened and when."""
        rows = [f"  {_minutes(one.at)}  {one.took:6.1f} s  {one.what}" for one in self.moments]
        return "\n".join(["  when   took      what", *rows])

    def _clock(self) -> str:
        return _minutes(time.monotonic() - self.began)


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60:2d}:{int(seconds) % 60:02d}"


def say(text: str) -> None:
    """Print to standard output: what remains after the story."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
