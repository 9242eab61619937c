"""The one HTTP client that every source asks through: connections are kept, and no host is asked more than is polite.

``PoliteClient`` is an ``httpx2.Client`` whose every request, redirects and tokens included, takes its turn at its host
(``politeness``). A host that is left alone now is not asked: ``Transient`` says why and when it will be.
"""

import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from threading import Lock
from typing import Any

import httpx2
import msgspec

from control_plane.domain.errors import Transient
from control_plane.upstreams.politeness import PUBLIC_HOSTS, Later, Limits, Manners, read_quota

MAX_RETRY_AFTER = 3600.0
KEEP_ALIVE_SECONDS = 90.0  # longer than the usual minute between two looks


class HostState(msgspec.Struct, frozen=True, kw_only=True):
    """How we get on with a host, for people. ``until`` and ``why``: it is left alone until then. ``quota_*`` are what it told."""

    host: str
    requests_last_hour: int
    per_second: float
    per_hour: int
    circuit: str
    failures: int
    why: str
    until: datetime | None
    quota_limit: int | None
    quota_remaining: int | None


class PoliteClient(httpx2.Client):
    """Make one per process and share it: it may be used by many threads. Not for use after fork. Never follows redirects by itself.

    ``limits`` are for hosts (``host:port``) that differ from ``default`` and from ``politeness.PUBLIC_HOSTS``; ``timeout`` is in
    seconds. It keeps no cookies: what one account is given must not serve another.
    """

    def __init__(
        self,
        *,
        limits: Mapping[str, Limits] | None = None,
        default: Limits | None = None,
        timeout: float = 10.0,
        transport: httpx2.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        dice: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(
            timeout=timeout,
            follow_redirects=False,
            headers={"User-Agent": "tidegate"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            limits=httpx2.Limits(max_keepalive_connections=64, keepalive_expiry=KEEP_ALIVE_SECONDS),
            transport=transport,
        )
        self._limits_of, self._default = {**PUBLIC_HOSTS, **(limits or {})}, default or Limits()
        self._clock, self._sleep, self._dice = clock, sleep, dice
        self._hosts: dict[str, Manners] = {}
        self._lock = Lock()

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request when it is its turn. Raises ``Transient`` (the host is left alone now) besides httpx2's own errors."""
        host = request.url.netloc.decode("ascii")
        asked_at = self._take_turn(host)
        try:
            response = super().send(request, **options)
        except httpx2.HTTPError as error:
            self._note_failure(host, type(error).__name__, asked_at)
            raise
        self._note_answer(host, response, asked_at)
        return response

    def hosts(self) -> list[HostState]:
        """Return every host that this process has asked, by name."""
        now = self._clock()
        with self._lock:
            return [_state(host, manners, now) for host, manners in sorted(self._hosts.items())]

    def _take_turn(self, host: str) -> float:
        now = self._clock()
        with self._lock:
            manners = self._hosts.get(host)
            if manners is None:
                manners = self._hosts[host] = Manners(self._limits_of.get(host, self._default))
            try:
                wait = manners.admit(now)
            except Later as later:
                told = f"{host} is left alone for {later.seconds:.0f} s: {later.why}"
                raise Transient(told, retry_after=later.seconds, code=later.code) from None
        if wait:
            self._sleep(wait)
        return now

    def _note_failure(self, host: str, why: str, asked_at: float) -> None:
        with self._lock:
            self._hosts[host].failed(why, asked_at=asked_at, now=self._clock(), jitter=self._dice())

    def _note_answer(self, host: str, response: httpx2.Response, asked_at: float) -> None:
        status, now, headers = response.status_code, self._clock(), response.headers
        quota = (
            read_quota(headers, time.time()) if "ratelimit-limit" in headers or "x-ratelimit-limit" in headers else None
        )
        with self._lock:
            manners = self._hosts[host]
            if status >= 500:
                manners.failed(f"HTTP {status}", asked_at=asked_at, now=now, jitter=self._dice())
            if status == 429 or (status in {403, 503} and "retry-after" in headers):
                manners.throttled(retry_after(headers), now=now, jitter=self._dice())
            elif status < 500:
                manners.answered(now)
            if quota is not None:
                manners.told(quota, now)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read ``Retry-After`` (seconds or a date), at most an hour; None where it is absent or cannot be read."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_RETRY_AFTER)
    try:
        seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def _state(host: str, manners: Manners, now: float) -> HostState:
    free_in, quota = manners.free_in(now), manners.quota
    return HostState(
        host=host,
        requests_last_hour=manners.last_hour(now),
        per_second=manners.limits.per_second,
        per_hour=manners.limits.per_hour,
        circuit=manners.circuit(now),
        failures=manners.failures,
        why=manners.why if free_in else "",
        until=datetime.now(UTC) + timedelta(seconds=free_in) if free_in else None,
        quota_limit=quota.limit if quota else None,
        quota_remaining=quota.remaining if quota else None,
    )
