"""How much one host is asked, and when it is left alone: budgets, pauses, a circuit. PURE: arithmetic over times in seconds since 1970.

A host is asked at most ``per_second`` and ``per_hour`` by all processes of an installation together. What is known of a host (``Manners``)
is shared by them; each is given *slots* for its next second: moments at which it may send one request, which nobody else has. A slot that
is not used in time is lost, so a process that dies takes at most a second's requests with it. In any stretch of ``T`` seconds no more than
``per_second · (T + 1)`` requests are sent (one more where a host is asked less than twice a second).

A host is left alone while it told us to wait (``Retry-After``), while the last tenth of the quota that it tells is left, and
after several failures in a row, longer each time; then one request, of one process, probes it.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

PATIENCE = 1.0  # seconds that a request may wait for its turn, and how far ahead slots are given
HOLD = 0.5  # seconds that a slot may be used late
FAILURE_BASE, FAILURE_CAP = 5.0, 300.0
THROTTLE_BASE, THROTTLE_CAP = 30.0, 3600.0
PROBE_SECONDS = 30.0
KEPT_BACK = 0.1  # of a quota: for the people and clusters behind the same address
MOST_SLOTS = 500
_MINUTES = 60


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one host is asked at most, and how many failures in a row open its circuit."""

    per_second: float = 100.0
    per_hour: int = 360_000
    failures: int = 5


GENTLE = Limits(per_second=10.0, per_hour=20_000)
PUBLIC_HOSTS: dict[str, Limits] = {
    "registry-1.docker.io": Limits(per_second=5.0, per_hour=10_000),
    "auth.docker.io": Limits(per_second=5.0, per_hour=10_000),
    "quay.io": Limits(per_second=5.0, per_hour=10_000),
    "ghcr.io": GENTLE,
    "registry.k8s.io": GENTLE,
    "public.ecr.aws": GENTLE,
    "api.github.com": Limits(per_second=5.0, per_hour=5_000),
    "gitlab.com": Limits(per_second=5.0, per_hour=5_000),
    "codeberg.org": Limits(per_second=2.0, per_hour=2_000),
}


class Quota(msgspec.Struct, frozen=True):
    """What a host tells of its own limit. ``reset`` is in how many seconds it begins anew (0: not told), ``window`` its length."""

    limit: int
    remaining: int
    reset: float = 0.0
    window: float = 0.0

    def pause(self) -> float:
        """Return how many seconds to leave the host alone; 0 while more than the last tenth is left."""
        if self.limit <= 0 or self.remaining > self.limit * KEPT_BACK:
            return 0.0
        return min(self.reset or max(self.window * KEPT_BACK, 60.0), THROTTLE_CAP)


def read_quota(headers: Mapping[str, str], now: float) -> Quota | None:
    """Read ``RateLimit-*`` or ``X-RateLimit-*`` (Docker Hub, GitHub, GitLab, Gitea). ``now`` is seconds since 1970."""
    for prefix in ("ratelimit", "x-ratelimit"):
        remaining = headers.get(f"{prefix}-remaining")
        limit = headers.get(f"{prefix}-limit")
        if remaining is not None and limit is not None:
            reset = _number(headers.get(f"{prefix}-reset", ""))
            window = _number(limit.partition("w=")[2])
            return Quota(
                int(_number(limit)), int(_number(remaining)), max(reset - now, 1.0) if reset > 1e9 else reset, window
            )
    return None


def _number(text: str) -> float:
    """Return the digits that a text begins with, as ``100;w=21600`` does; 0 where there are none."""
    digits = text.strip().partition(";")[0].partition(",")[0].strip()
    return float(digits) if digits.isascii() and digits.isdigit() and len(digits) < 16 else 0.0


def grown(count: int, *, base: float, cap: float, jitter: float) -> float:
    """Return the seconds to wait after ``count`` failures in a row: doubling, at most ``cap``, and up to a quarter more by ``jitter``."""
    return float(min(cap, base * 2.0 ** min(max(count, 1) - 1, 30)) * (1 + jitter / 4))


class Later(msgspec.Struct, frozen=True):
    """The host is not asked now: ``why`` for people, ``seconds`` until it may be, ``code`` for machines."""

    why: str
    seconds: float
    code: str


class Slots(msgspec.Struct, frozen=True):
    """The moments at which whoever asked may send one request each, in order. ``in_trouble``: an answer is worth telling (``answered``)."""

    at: tuple[float, ...]
    in_trouble: bool


class Manners(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is known of one host, and what follows from it. Kept as JSON, shared by processes; every time is an argument.

    ``next_at`` is when the next slot would be if none were given early (the generic cell rate algorithm's one number);
    ``minutes`` counts slots by the minute since 1970.
    """

    next_at: float = 0.0
    minutes: dict[int, int] = {}
    quota: Quota | None = None
    failures: int = 0
    throttles: int = 0
    paused_until: float = 0.0
    open_until: float = 0.0
    opened_at: float = 0.0
    why: str = ""

    def reserve(self, limits: Limits, wanted: int, now: float, *, unused: int = 0) -> Slots | Later:
        """Give up to ``wanted`` (≥ 1) slots within the next second, or say when to come again. ``unused``: slots that came to nothing."""
        self._forget_future(limits.per_second, now)
        self._give_back(unused, now)
        if (later := self.left_alone(now)) is not None:
            return later
        left = limits.per_hour - self.last_hour(now)
        if left <= 0:
            free = (min(self.minutes, default=int(now // 60)) + _MINUTES + 1) * 60 - now
            return Later(f"our {limits.per_hour} requests of this hour are used up", max(free, 1.0), "budget")
        is_probe = self.open_until > 0
        slots = self._slots(limits.per_second, 1 if is_probe else min(wanted, left, MOST_SLOTS), now)
        if not slots:
            wait = self._next_slot(limits.per_second, now) - now
            return Later(f"our {limits.per_second:g} requests a second are used up", wait, "budget")
        if is_probe:
            self.open_until = now + PROBE_SECONDS  # this one probes; the others wait for what it finds
        minute = int(now // 60)
        self.minutes[minute] = self.minutes.get(minute, 0) + len(slots)
        return Slots(tuple(slots), self.failures > 0 or self.throttles > 0)

    def left_alone(self, now: float) -> Later | None:
        """Say whether the host is not to be asked at all now, and why."""
        if self.paused_until > now:
            return Later(self.why, min(self.paused_until - now, THROTTLE_CAP), "registry_busy")
        if self.open_until > now:
            return Later(self.why, self.open_until - now, "circuit_open")
        return None

    def answered(self, now: float) -> None:
        """The host answered: whatever it said, it works."""
        self.failures = self.throttles = 0
        self.open_until = 0.0
        if self.paused_until <= now:
            self.why = ""

    def failed(self, limits: Limits, why: str, *, asked_at: float, now: float, jitter: float) -> None:
        """It did not answer, or with an error of its own. What was asked before the circuit opened adds nothing."""
        if self.open_until and asked_at < self.opened_at:
            return
        self.failures += 1
        if self.failures < limits.failures:
            return
        count = self.failures - limits.failures + 1
        self.opened_at = now
        self.open_until = now + grown(count, base=FAILURE_BASE, cap=FAILURE_CAP, jitter=jitter)
        self.why = f"{self.failures} failures in a row, the last one: {why}"

    def throttled(self, seconds: float | None, *, now: float, jitter: float) -> float:
        """It asks for a pause, of ``seconds`` where it says so (not 0, nor a moment that is past). Returns how long the pause is."""
        self.throttles += 1
        if not seconds:
            seconds = grown(self.throttles, base=THROTTLE_BASE, cap=THROTTLE_CAP, jitter=jitter)
        self._pause("it asks us to wait", min(seconds, THROTTLE_CAP), now)
        return min(seconds, THROTTLE_CAP)

    def told(self, quota: Quota, now: float) -> None:
        """Take note of a quota; the last tenth is not used."""
        self.quota = quota
        if seconds := quota.pause():
            self._pause(f"{quota.remaining} of {quota.limit} requests of its quota are left", seconds, now)

    def circuit(self, now: float) -> Literal["closed", "open", "half-open"]:
        """Return the circuit's state."""
        if not self.open_until:
            return "closed"
        return "open" if self.open_until > now else "half-open"

    def free_in(self, now: float) -> float:
        """Return in how many seconds the host is asked again; 0 where it is now."""
        return max(self.paused_until - now, self.open_until - now, 0.0)

    def last_hour(self, now: float) -> int:
        """Return how many requests were made within the last hour, to the minute."""
        oldest = int(now // 60) - _MINUTES
        self.minutes = {minute: count for minute, count in self.minutes.items() if minute > oldest}
        return sum(self.minutes.values())

    def _pause(self, why: str, seconds: float, now: float) -> None:
        if now + seconds > self.paused_until:
            self.paused_until, self.why = now + seconds, why

    def _forget_future(self, rate: float, now: float) -> None:
        """A clock that was ahead, here or on another machine, keeps nobody out for long once it is right again."""
        self.next_at = min(self.next_at, now + PATIENCE + HOLD + 1 / rate + 1)
        self.minutes = {minute: count for minute, count in self.minutes.items() if minute <= now // 60 + 1}
        self.paused_until = min(self.paused_until, now + THROTTLE_CAP)
        self.open_until = min(self.open_until, now + FAILURE_CAP * 1.25)

    def _give_back(self, unused: int, now: float) -> None:
        """Take slots that nobody used out of the hour's count, the latest first."""
        for minute in sorted((one for one in self.minutes if one <= int(now // 60)), reverse=True):
            taken = min(unused, self.minutes[minute])
            self.minutes[minute] -= taken
            unused -= taken

    def _next_slot(self, rate: float, now: float) -> float:
        """A burst may be half a second's budget; the other half is for slots that are used late."""
        early = (max(rate / 2, 1.0) - 1) / rate
        return max(now, self.next_at - early)

    def _slots(self, rate: float, wanted: int, now: float) -> list[float]:
        slots: list[float] = []
        while len(slots) < wanted and (at := self._next_slot(rate, now)) <= now + PATIENCE:
            slots.append(at)
            self.next_at = max(self.next_at, at) + 1 / rate
        return slots
