"""Budgets, pauses and the circuit of one host, on a clock that the tests move; and the client that obeys them."""

from collections.abc import Callable, Iterator

import httpx2
import pytest

from control_plane.domain.errors import Transient
from control_plane.upstreams.http import PoliteClient, retry_after
from control_plane.upstreams.ledger import MemoryLedger
from control_plane.upstreams.politeness import Later, Limits, Manners, Quota, Slots, read_quota

URL = "https://registry.example.com/v2/"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def polite(
    clock: Clock,
    answer: Callable[[httpx2.Request], httpx2.Response],
    limits: Limits | None = None,
    ledger: MemoryLedger | None = None,
) -> PoliteClient:
    return PoliteClient(
        default=limits,
        ledger=ledger,
        transport=httpx2.MockTransport(answer),
        clock=clock,
        sleep=clock.sleep,
        dice=lambda: 0.0,
    )


def reserved(host: Manners, limits: Limits, now: float, wanted: int = 1) -> list[float]:
    """The slots that are given, as seconds from now."""
    slots = host.reserve(limits, wanted, now)
    assert isinstance(slots, Slots), slots
    return [round(at - now, 6) for at in slots.at]


def refused(host: Manners, limits: Limits, now: float) -> Later:
    later = host.reserve(limits, 1, now)
    assert isinstance(later, Later), later
    return later


def test_half_a_second_may_come_at_once_and_the_next_wait_their_turn() -> None:
    host, limits = Manners(), Limits(per_second=4)
    assert reserved(host, limits, 100.0, 3) == [0.0, 0.0, 0.25]
    assert reserved(host, limits, 100.0, 9) == [0.5, 0.75, 1.0]
    later = refused(host, limits, 100.0)
    assert (later.code, later.seconds) == ("budget", 1.25)
    assert reserved(host, limits, 101.0) == [0.25]


def test_an_hours_budget_frees_itself_minute_by_minute() -> None:
    host, limits = Manners(), Limits(per_second=1_000, per_hour=3)
    for now in (0.0, 70.0, 80.0):
        reserved(host, limits, now)
    later = refused(host, limits, 100.0)
    assert "of this hour" in later.why
    assert reserved(host, limits, 100.0 + later.seconds) == [0.0]
    assert host.last_hour(100_000.0) == 0


def test_slots_that_nobody_used_are_given_back_to_the_hour() -> None:
    host, limits = Manners(), Limits(per_second=100, per_hour=10)
    assert len(reserved(host, limits, 0.0, 10)) == 10
    assert refused(host, limits, 60.0).code == "budget"
    slots = host.reserve(limits, 2, 60.0, unused=4)
    assert isinstance(slots, Slots)
    assert (len(slots.at), host.last_hour(60.0)) == (2, 8)


def test_the_circuit_opens_probes_once_and_closes() -> None:
    host, limits = Manners(), Limits(failures=2)
    for now in (0.0, 1.0):
        reserved(host, limits, now)
        host.failed(limits, "HTTP 500", asked_at=now, now=now, jitter=0.0)
    later = refused(host, limits, 2.0)
    assert (later.code, later.seconds, host.circuit(2.0)) == ("circuit_open", 4.0, "open")
    assert later.why == "2 failures in a row, the last one: HTTP 500"
    assert host.circuit(6.0) == "half-open"
    assert len(reserved(host, limits, 6.0, 10)) == 1  # one probe, of one process
    assert refused(host, limits, 6.1).code == "circuit_open"
    host.failed(limits, "HTTP 500", asked_at=6.0, now=7.0, jitter=0.0)
    assert host.free_in(7.0) == 10.0
    reserved(host, limits, 17.0)
    host.answered(17.5)
    assert (host.circuit(17.5), host.free_in(17.5), host.failures) == ("closed", 0.0, 0)


def test_requests_that_failed_together_count_as_one_opening() -> None:
    host, limits = Manners(), Limits(failures=1)
    reserved(host, limits, 0.0, 8)
    for _ in range(8):
        host.failed(limits, "timeout", asked_at=0.0, now=5.0, jitter=0.0)
    assert host.free_in(5.0) == 5.0


def test_pauses_grow_where_the_host_names_none() -> None:
    host = Manners()
    assert [host.throttled(None, now=0.0, jitter=0.0) for _ in range(3)] == [30.0, 60.0, 120.0]
    assert host.throttled(7.0, now=0.0, jitter=0.0) == 7.0
    assert host.free_in(0.0) == 120.0  # a shorter one does not shorten what was told before
    assert (
        host.throttled(0.0, now=0.0, jitter=0.0) == 480.0
    )  # nothing, or a moment that is past by our clock: none named


@pytest.mark.parametrize(
    ("headers", "quota"),
    [
        ({"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600"}, Quota(100, 76, 0.0, 21600.0)),
        (
            {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "2000000060"},
            Quota(60, 0, 60.0),
        ),
        ({"ratelimit-limit": "60", "ratelimit-remaining": "59", "ratelimit-reset": "30"}, Quota(60, 59, 30.0)),
        ({"ratelimit-limit": "many", "ratelimit-remaining": "²"}, Quota(0, 0)),
        ({"ratelimit-limit": "60"}, None),
    ],
)
def test_quotas_are_read_in_every_dialect(headers: dict[str, str], quota: Quota | None) -> None:
    assert read_quota(headers, 2_000_000_000.0) == quota


@pytest.mark.parametrize(("remaining", "pause"), [(11, 0.0), (10, 2160.0), (0, 2160.0)])
def test_the_last_tenth_of_a_quota_is_left(remaining: int, pause: float) -> None:
    assert Quota(100, remaining, window=21600.0).pause() == pause


def test_a_host_that_says_later_is_not_asked_by_anybody_until_then(clock: Clock) -> None:
    asked = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.host)
        return httpx2.Response(429 if len(asked) == 1 else 200, headers={"Retry-After": "7"})

    client = polite(clock, answer)
    assert client.get(URL).status_code == 429
    with pytest.raises(Transient, match="left alone for 7 s: it asks us to wait") as caught:
        client.get(f"{URL}other")
    assert (caught.value.retry_after, caught.value.code, len(asked)) == (7.0, "registry_busy", 1)
    assert client.get("https://other.example.com/").status_code == 200
    clock.now += 7
    assert client.get(URL).status_code == 200


def test_what_waits_a_moment_waits_and_what_waits_longer_is_told(clock: Clock) -> None:
    client = polite(clock, lambda _: httpx2.Response(200), Limits(per_second=1))
    client.get(URL)
    client.get(URL)
    assert clock.slept == [1.0]


def test_hub_is_left_alone_before_its_last_tenth(clock: Clock) -> None:
    headers = {"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "10;w=21600"}
    ledger = MemoryLedger()
    client = polite(clock, lambda _: httpx2.Response(200, headers=headers), ledger=ledger)
    client.head("https://registry-1.docker.io/v2/library/nginx/manifests/latest")
    with pytest.raises(Transient, match="10 of 100 requests of its quota"):
        client.get("https://registry-1.docker.io/v2/")
    (host,) = ledger.hosts.values()
    assert (host.quota, host.last_hour(clock.now)) == (Quota(100, 10, window=21600.0), 1)
    assert host.free_in(clock.now) == 2160.0


def test_a_host_that_fails_is_probed_by_one_request(clock: Clock) -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    ledger = MemoryLedger()
    client = polite(clock, answer, Limits(failures=2), ledger)
    for _ in range(2):
        with pytest.raises(httpx2.ConnectError):
            client.get(URL)
    with pytest.raises(Transient, match="2 failures in a row, the last one: ConnectError"):
        client.get(URL)
    assert [host.circuit(clock.now) for host in ledger.hosts.values()] == ["open"]


def test_cookies_of_one_account_are_not_kept_for_another(clock: Clock) -> None:
    sent = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request.headers.get("cookie"))
        return httpx2.Response(200, headers={"Set-Cookie": "sid=secret; Path=/"})

    client = polite(clock, answer)
    client.get(URL)
    client.get(URL)
    assert sent == [None, None]


@pytest.mark.parametrize(("text", "seconds"), [("7", 7.0), ("99999", 3600.0), ("soon", None), ("", None), ("²", None)])
def test_retry_after(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}) == seconds


def test_an_answer_that_comes_byte_by_byte_has_an_end(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dripping(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b"x"

    monkeypatch.setattr("control_plane.upstreams.http.ANSWER_SECONDS", 0.05)
    client = polite(clock, lambda _: httpx2.Response(200, stream=Dripping()))
    with client.stream("GET", URL) as response, pytest.raises(httpx2.ReadTimeout, match="not whole"):
        sum(map(len, response.iter_bytes()))
