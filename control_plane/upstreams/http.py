"""The one HTTP client that every source asks through: connections are kept, and no host is asked more than is polite.

``PoliteClient`` is an ``httpx2.Client`` whose every request, redirects and tokens included, takes its turn at its host
(``politeness``). A host that is left alone now is not asked: ``Transient`` says why and when it will be.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from threading import Lock
from typing import Any

import httpx2

from control_plane.domain.errors import Transient
from control_plane.upstreams.ledger import Act, Ledger, MemoryLedger, Share
from control_plane.upstreams.politeness import PUBLIC_HOSTS, Later, Limits, Manners, read_quota

MAX_RETRY_AFTER = 3600.0
KEEP_ALIVE_SECONDS = 90.0  # longer than the usual minute between two looks
ANSWER_SECONDS = 600.0  # for a whole answer: one that comes byte by byte holds a thread


class PoliteClient(httpx2.Client):
    """Make one per process and share it: it may be used by many threads. Not for use after fork. Never follows redirects by itself.

    ``limits_of`` says how much a host (``host:port``) is asked at most; default: as ``politeness.PUBLIC_HOSTS`` says, or ``default``.
    ``timeout`` is in seconds, for each step of an answer. ``ledger`` is shared by all processes that ask the same hosts (default:
    this process alone). It keeps no cookies: what one account is given must not serve another.
    """

    def __init__(
        self,
        *,
        limits_of: Callable[[str], Limits] | None = None,
        default: Limits | None = None,
        timeout: float = 10.0,
        ledger: Ledger | None = None,
        transport: httpx2.BaseTransport | None = None,
        clock: Callable[[], float] = time.time,
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
        self._limits_of = limits_of or (lambda host: PUBLIC_HOSTS.get(host) or default or Limits())
        self._ledger = ledger or MemoryLedger()
        self._clock, self._sleep, self._dice = clock, sleep, dice
        self._shares: dict[str, Share] = {}
        self._lock = Lock()

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request when it is its turn. Raises ``Transient`` (the host is left alone now) besides httpx2's own errors."""
        host = request.url.netloc.decode("ascii")
        share = self._share(host)
        asked_at = self._take_turn(host, share)
        try:
            response = super().send(request, **options)
        except httpx2.HTTPError as error:
            self._note(host, share, self._failed(share, type(error).__name__, asked_at))
            raise
        try:
            self._note_answer(host, share, response, asked_at)
        except Transient:
            response.close()
            raise
        if options.get("stream"):
            response.stream = _Limited(response.stream, request, time.monotonic() + ANSWER_SECONDS)
        return response

    def expect(self, hosts: Mapping[str, int]) -> None:
        """Reserve turns for so many requests to each host within the next second: one question for all of them."""
        shares = {host: self._share(host) for host in sorted(hosts)}
        with ExitStack() as held:
            for share in shares.values():
                held.enter_context(share.lock)
            now = self._clock()
            missing = {host: lack for host, share in shares.items() if (lack := share.lacks(hosts[host], now)) > 0}
            if missing:
                acts = {host: shares[host].reserving(now, lack) for host, lack in missing.items()}
                for host, answer in self._ledger.change(acts).items():
                    shares[host].given(answer, now)

    def _share(self, host: str) -> Share:
        with self._lock:
            share = self._shares.get(host)
            if share is None:
                share = self._shares[host] = Share(self._limits_of(host))
            return share

    def _take_turn(self, host: str, share: Share) -> float:
        """Wait for a slot; return when the request is sent."""
        with share.lock:
            now = self._clock()
            later = share.refused(now)
            slot = None if later else share.next_slot(now)
            if slot is None and later is None:
                later = share.given(self._ledger.change({host: share.reserving(now)})[host], now)
                slot = None if later else share.next_slot(now)
        if later is not None or slot is None:
            raise _left_alone(host, later or Later("its turns are used up", 1.0, "budget"))
        if slot > now:
            self._sleep(slot - now)
        return max(slot, now)

    def _note_answer(self, host: str, share: Share, response: httpx2.Response, asked_at: float) -> None:
        """Tell the ledger what changed; that a host gets on well is told with the next question for turns."""
        status, headers, told = response.status_code, response.headers, None
        if "ratelimit-limit" in headers or "x-ratelimit-limit" in headers:
            told = read_quota(headers, time.time())
            share.quota = told or share.quota
        if status >= 500:
            self._note(host, share, self._failed(share, f"HTTP {status}", asked_at))
        if status == 429 or (status in {403, 503} and "retry-after" in headers):
            self._note(host, share, self._throttled(retry_after(headers)))
        elif status < 500 and share.in_trouble:
            self._note(host, share, lambda manners: manners.answered(self._clock()), in_trouble=False)
        if told is not None and told.pause():
            self._note(host, share, lambda manners: manners.told(told, self._clock()))

    def _failed(self, share: Share, why: str, asked_at: float) -> Act:
        def failed(manners: Manners) -> None:
            manners.failed(share.limits, why, asked_at=asked_at, now=self._clock(), jitter=self._dice())

        return failed

    def _throttled(self, seconds: float | None) -> Act:
        return lambda manners: manners.throttled(seconds, now=self._clock(), jitter=self._dice())

    def _note(self, host: str, share: Share, act: Act, *, in_trouble: bool = True) -> None:
        """Let ``act`` change what is known of the host, and obey what follows from it."""

        def noted(manners: Manners) -> Later | None:
            act(manners)
            return manners.left_alone(self._clock())

        with share.lock:
            share.in_trouble = in_trouble
            share.leave_alone(self._ledger.change({host: noted})[host], self._clock())


class _Limited(httpx2.SyncByteStream):
    """An answer's bytes, for a limited time."""

    def __init__(self, stream: Any, request: httpx2.Request, until: float) -> None:
        self._stream, self._request, self._until = stream, request, until

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            if time.monotonic() > self._until:
                raise httpx2.ReadTimeout(f"not whole after {ANSWER_SECONDS:.0f} s", request=self._request)
            yield chunk

    def close(self) -> None:
        self._stream.close()


def _left_alone(host: str, later: Later) -> Transient:
    told = f"{host} is left alone for {later.seconds:.0f} s: {later.why}"
    return Transient(told, retry_after=later.seconds, code=later.code)


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
