"""Whose turn it is: work for many hosts, done by a limited number of threads, so that a slow host holds up nobody but itself. PURE.

Hosts take turns. One host has at most ``per_host`` at once, and never more than are free for all others: with one busy host half
of the threads stay free, with two a third, and a host that comes new always finds one while there is one. What waits is limited per
host too (``waiting``), so that a slow host's backlog leaves room for the others'.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Work that waits and how much of it runs, by host. Times are seconds of any one clock."""

    def __init__(self, *, threads: int, per_host: int, waiting: int) -> None:
        self._threads, self._per_host, self._most = threads, per_host, waiting
        self._lines: OrderedDict[str, deque[T]] = OrderedDict()
        self._running: Counter[str] = Counter()
        self._rests: dict[str, float] = {}

    @property
    def running(self) -> int:
        """How much runs."""
        return self._running.total()

    @property
    def waiting(self) -> int:
        """How much waits."""
        return sum(map(len, self._lines.values()))

    def room(self, host: str) -> int:
        """Return how much more may wait for ``host``."""
        return max(self._most - len(self._lines.get(host, ())), 0)

    def add(self, host: str, work: T, *, first: bool = False) -> None:
        """Let work wait for its turn; ``first``: before all other of its host."""
        line = self._lines.setdefault(host, deque())
        if first:
            line.appendleft(work)
        else:
            line.append(work)

    def begin(self, now: float) -> tuple[str, T] | None:
        """Begin what has its turn; None where nothing may begin now. Its host goes to the end of the row."""
        host = self._next(now)
        if host is None:
            return None
        line = self._lines[host]
        work = line.popleft()
        self._lines.move_to_end(host)
        if not line:
            del self._lines[host]
        self._running[host] += 1
        return host, work

    def can_begin(self, now: float) -> bool:
        """Say whether something may begin now."""
        return self._next(now) is not None

    def end(self, host: str) -> None:
        """What ran for ``host`` has ended."""
        self._running[host] -= 1
        if not self._running[host]:
            del self._running[host]

    def rest(self, host: str, until: float) -> None:
        """Begin nothing for ``host`` until then."""
        self._rests[host] = max(until, self._rests.get(host, 0.0))

    def drop(self) -> list[T]:
        """Give up all that waits, and return it."""
        dropped = [work for line in self._lines.values() for work in line]
        self._lines.clear()
        return dropped

    def _next(self, now: float) -> str | None:
        self._rests = {host: until for host, until in self._rests.items() if until > now}
        most = min(self._per_host, self._threads - self.running)
        return next((host for host in self._lines if self._running[host] < most and host not in self._rests), None)


def choose(due: Iterable[tuple[str, T]], room: Callable[[str], int], most: int) -> tuple[list[T], bool]:
    """Choose from what is ``due`` (by host, in order) as much as there is ``room`` for; say whether something was left over."""
    chosen: list[T] = []
    taken: Counter[str] = Counter()
    is_left = False
    for host, one in due:
        if taken[host] >= room(host):
            is_left = True
        elif len(chosen) == most:
            return chosen, True
        else:
            taken[host] += 1
            chosen.append(one)
    return chosen, is_left
