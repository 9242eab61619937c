"""How much one host is asked, and when it is left alone: budgets, pauses, a circuit. PURE: arithmetic over times given in seconds.

A host is asked at most ``per_second`` and ``per_hour``. It is left alone while it told us to wait (``Retry-After``), while the
last tenth of the quota that it tells is left, and after several failures in a row, longer each time; then one request probes it.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

PATIENCE = 1.0  # seconds that a request may wait for its turn; what has to wait longer is told so
FAILURE_BASE, FAILURE_CAP = 5.0, 300.0
THROTTLE_BASE, THROTTLE_CAP = 30.0, 3600.0
PROBE_SECONDS = 30.0
KEPT_BACK = 0.1  # of a quota: for the people and clusters behind the same address
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


class Later(Exception):
    """The host is not asked now: ``why`` for people, ``seconds`` until it may be, ``code`` for machines."""

    def __init__(self, why: str, seconds: float, code: str) -> None:
        super().__init__(why)
        self.why, self.seconds, self.code = why, seconds, code


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


class Manners:
    """What is known of one host, and what follows from it. Every time is an argument, in seconds of any one clock."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.quota: Quota | None = None
        self.failures = 0
        self.why = ""
        self._throttles = 0
        self._paused_until = self._open_until = self._opened_at = 0.0
        self._tokens, self._filled_at = max(limits.per_second, 1.0), 0.0
        self._minutes: dict[int, int] = {}

    def admit(self, now: float) -> float:
        """Count one request; return the seconds (at most ``PATIENCE``) that it has to wait. Raises ``Later``: it is not asked."""
        if self._paused_until > now:
            raise Later(self.why, self._paused_until - now, "registry_busy")
        if self._open_until > now:
            raise Later(self.why, self._open_until - now, "circuit_open")
        self._check_hour(now)
        wait = self._turn(now)
        if self._open_until:
            self._open_until = now + PROBE_SECONDS  # this one probes; the others wait for what it finds
        minute = int(now // 60)
        self._minutes[minute] = self._minutes.get(minute, 0) + 1
        return wait

    def answered(self, now: float) -> None:
        """The host answered: whatever it said, it works."""
        self.failures = self._throttles = 0
        self._open_until = 0.0
        if self._paused_until <= now:
            self.why = ""

    def failed(self, why: str, *, asked_at: float, now: float, jitter: float) -> None:
        """It did not answer, or with an error of its own. What was asked before the circuit opened adds nothing."""
        if self._open_until and asked_at < self._opened_at:
            return
        self.failures += 1
        if self.failures < self.limits.failures:
            return
        count = self.failures - self.limits.failures + 1
        self._opened_at = now
        self._open_until = now + grown(count, base=FAILURE_BASE, cap=FAILURE_CAP, jitter=jitter)
        self.why = f"{self.failures} failures in a row, the last one: {why}"

    def throttled(self, seconds: float | None, *, now: float, jitter: float) -> float:
        """It asks for a pause, of ``seconds`` where it says so. Returns how long the pause is."""
        self._throttles += 1
        if seconds is None:
            seconds = grown(self._throttles, base=THROTTLE_BASE, cap=THROTTLE_CAP, jitter=jitter)
        self._pause("it asks us to wait", min(seconds, THROTTLE_CAP), now)
        return min(seconds, THROTTLE_CAP)

    def told(self, quota: Quota, now: float) -> None:
        """Take note of a quota; the last tenth is not used."""
        self.quota = quota
        if seconds := quota.pause():
            self._pause(f"{quota.remaining} of {quota.limit} requests of its quota are left", seconds, now)

    def circuit(self, now: float) -> Literal["closed", "open", "half-open"]:
        """Return the circuit's state."""
        if not self._open_until:
            return "closed"
        return "open" if self._open_until > now else "half-open"

    def free_in(self, now: float) -> float:
        """Return in how many seconds the host is asked again; 0 where it is now."""
        return max(self._paused_until - now, self._open_until - now, 0.0)

    def last_hour(self, now: float) -> int:
        """Return how many requests were made within the last hour, to the minute."""
        oldest = int(now // 60) - _MINUTES
        for minute in [one for one in self._minutes if one <= oldest]:
            del self._minutes[minute]
        return sum(self._minutes.values())

    def _pause(self, why: str, seconds: float, now: float) -> None:
        if now + seconds > self._paused_until:
            self._paused_until, self.why = now + seconds, why

    def _check_hour(self, now: float) -> None:
        if self.last_hour(now) >= self.limits.per_hour:
            free = (min(self._minutes, default=int(now // 60)) + _MINUTES + 1) * 60 - now
            raise Later(f"our {self.limits.per_hour} requests of this hour are used up", max(free, 1.0), "budget")

    def _turn(self, now: float) -> float:
        """Take a token; a burst may be as large as a second's budget. One that is not there yet is reserved, and waited for."""
        burst = max(self.limits.per_second, 1.0)
        tokens = min(burst, self._tokens + max(now - self._filled_at, 0.0) * self.limits.per_second) - 1
        wait = max(-tokens / self.limits.per_second, 0.0)
        if wait > PATIENCE:
            raise Later(f"our {self.limits.per_second:g} requests a second are used up", wait, "budget")
        self._tokens, self._filled_at = tokens, now
        return wait
