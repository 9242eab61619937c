"""Where what is known of hosts is kept, and the part of it that a process has for itself: slots for its next requests.

A ``Ledger`` changes a host's ``Manners`` as one step that nobody else comes between: in this process alone (``MemoryLedger``), or
for all processes of an installation (``services.hosts``). It is asked when slots run out and told when something changed, never for
every request.
"""

from collections import deque
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Protocol

from control_plane.upstreams.politeness import HOLD, Later, Limits, Manners, Quota, Slots

ASKED_AGAIN_SECONDS = 5.0  # a host that is left alone may be free before its time: another process probes it too

Act = Callable[[Manners], Any]


class Ledger(Protocol):
    """What is known of hosts."""

    def change(self, acts: Mapping[str, Act]) -> dict[str, Any]:
        """Let each act read and change the manners of its host; return what they return, by host. Raises ``Transient``."""


class MemoryLedger:
    """A ledger of one process. May be used by many threads."""

    def __init__(self) -> None:
        self.hosts: dict[str, Manners] = {}
        self._lock = Lock()

    def change(self, acts: Mapping[str, Act]) -> dict[str, Any]:
        """See ``Ledger``."""
        with self._lock:
            return {host: act(self.hosts.setdefault(host, Manners())) for host, act in acts.items()}


class Share:
    """What this process has of one host. ``lock`` must be held by whoever uses it, also while the ledger is asked."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.lock = limits, Lock()
        self.in_trouble = False
        self.quota: Quota | None = None
        self._slots: deque[float] = deque()
        self._used = self._unused = 0
        self._wanted = 0
        self._later: Later | None = None
        self._later_from = 0.0

    def next_slot(self, now: float) -> float | None:
        """Use a slot: return its moment, None where there is none left."""
        while self._slots:
            at = self._slots.popleft()
            if now <= at + HOLD:
                self._used += 1
                return at
            self._unused += 1
        return None

    def lacks(self, count: int, now: float) -> int:
        """Return how many slots are missing of ``count``; none where the host is left alone."""
        return 0 if self.refused(now) else count - sum(now <= at + HOLD for at in self._slots)

    def refused(self, now: float) -> Later | None:
        """Return why the host is left alone, as far as this process knows."""
        if self._later is None or not 0 <= now - self._later_from < min(self._later.seconds, ASKED_AGAIN_SECONDS):
            return None
        return Later(self._later.why, self._later.seconds - (now - self._later_from), self._later.code)

    def reserving(self, now: float, wanted: int = 0) -> Act:
        """Return what reserves slots: ``wanted``, or as many as the last ones show to be needed."""
        if not wanted:
            wanted = self._used if self._unused else self._wanted * 2
        self._wanted = max(min(wanted, int(self.limits.per_second)), 1)
        asked, unused, quota = max(wanted, 1), self._unused, self.quota

        def reserve(manners: Manners) -> Slots | Later:
            manners.quota = quota or manners.quota
            return manners.reserve(self.limits, asked, now, unused=unused)

        return reserve

    def given(self, answer: Slots | Later, now: float) -> Later | None:
        """Take what the ledger gave; return why it is nothing."""
        self._unused = 0
        if isinstance(answer, Later):
            self.leave_alone(answer, now)
            return answer
        self._later, self._used, self.in_trouble = None, 0, answer.in_trouble
        self._slots.extend(answer.at)
        return None

    def leave_alone(self, later: Later | None, now: float) -> None:
        """Use no slot that is left where the host is not to be asked."""
        if later is not None:
            self._later, self._later_from = later, now
            self._unused += len(self._slots)
            self._slots.clear()
