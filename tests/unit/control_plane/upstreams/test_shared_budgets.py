"""Budgets that many processes keep together: whatever they ask and whenever they die, no host is asked more than its budget."""

from dataclasses import dataclass, field

import httpx2
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.domain.errors import Transient
from control_plane.upstreams.http import PoliteClient
from control_plane.upstreams.ledger import MemoryLedger, Share
from control_plane.upstreams.politeness import HOLD, MOST_SLOTS, PATIENCE, Later, Limits, Manners, Slots

HOST = "registry.example.com"
URL = f"https://{HOST}/v2/"


@dataclass
class Processes:
    """Some processes with one ledger, on a clock that the test moves; ``sent`` are the moments of all requests."""

    count: int
    limits: Limits
    now: float = 1_000_000.0
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    sent: list[float] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shares = [Share(self.limits) for _ in range(self.count)]

    def ask(self, number: int) -> bool:
        """One request of a process; it is sent at its slot. Says whether there was one."""
        share = self.shares[number]
        if share.refused(self.now):
            return False
        slot = share.next_slot(self.now)
        if slot is None:
            answer = self.ledger.change({HOST: share.reserving(self.now)})[HOST]
            if share.given(answer, self.now) is not None:
                return False
            slot = share.next_slot(self.now)
        assert slot is not None
        self.sent.append(max(slot, self.now))
        return True

    def die(self, number: int) -> None:
        self.shares[number] = Share(self.limits)

    def most_within(self, seconds: float) -> int:
        sent = sorted(self.sent)
        return max((sum(at < begin + seconds for at in sent[number:]) for number, begin in enumerate(sent)), default=0)


STEPS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.0, 0.01, 0.3, 1.0, 7.0]), st.integers(1, 20), st.booleans()),
    max_size=60,
)


@given(STEPS, st.sampled_from([0.5, 1.0, 2.0, 5.0, 37.0]))
@settings(max_examples=150)
def test_together_they_stay_in_budget(steps: list[tuple[int, float, int, bool]], per_second: float) -> None:
    all_ = Processes(4, Limits(per_second=per_second))
    for number, pause, requests, dies in steps:
        all_.now += pause
        for _ in range(requests):
            all_.ask(number)
        if dies:
            all_.die(number)
    for window in (1.0, 3.0, 10.0):
        assert all_.most_within(window) <= per_second * (window + 1) + (1 if per_second < 2 else 0) + 1e-6


@given(STEPS, st.integers(1, 30))
def test_together_they_stay_in_the_hours_budget(steps: list[tuple[int, float, int, bool]], per_hour: int) -> None:
    all_ = Processes(4, Limits(per_second=1_000, per_hour=per_hour))
    for number, pause, requests, dies in steps:
        all_.now += pause * 60
        for _ in range(requests):
            all_.ask(number)
        if dies:
            all_.die(number)
    assert all_.most_within(3_600.0 - 60.0) <= per_hour


@given(st.integers(1, 4), st.sampled_from([2.0, 5.0, 40.0]))
def test_the_budget_can_be_used_up_by_whoever_needs_it(count: int, per_second: float) -> None:
    all_ = Processes(count, Limits(per_second=per_second))
    for _ in range(2_000):
        for number in range(count):
            all_.ask(number)
        all_.now += 0.01
    assert len(all_.sent) >= per_second * 20 * 0.9


def test_the_ledger_is_not_asked_for_every_request() -> None:
    all_, changes = Processes(1, Limits(per_second=100)), 0
    for _ in range(1_000):
        before = all_.ledger.hosts.get(HOST, Manners()).next_at
        all_.ask(0)
        changes += all_.ledger.hosts[HOST].next_at != before
        all_.now += 0.0125  # 80 a second
    assert len(all_.sent) == 1_000
    assert changes <= 60


@given(
    st.builds(
        Manners,
        next_at=st.floats(0, 1e10),
        minutes=st.dictionaries(st.integers(0, 10**8), st.integers(0, 10**6), max_size=70),
        failures=st.integers(0, 99),
        throttles=st.integers(0, 99),
        paused_until=st.floats(0, 1e10),
        open_until=st.floats(0, 1e10),
        why=st.text(),
    ),
    st.integers(1, 2_000),
    st.floats(0.01, 1e6),
)
def test_any_state_is_kept_and_obeyed(manners: Manners, wanted: int, per_second: float) -> None:
    now = 2_000_000_000.0
    assert msgspec.json.decode(msgspec.json.encode(manners), type=Manners) == manners
    answer = manners.reserve(Limits(per_second=per_second), wanted, now)
    if isinstance(answer, Later):
        assert answer.seconds > 0
        assert answer.code in {"budget", "registry_busy", "circuit_open"}
    else:
        assert 1 <= len(answer.at) <= min(wanted, MOST_SLOTS)
        assert now <= answer.at[0] <= answer.at[-1] <= now + PATIENCE


def test_a_clock_that_was_ahead_keeps_nobody_out() -> None:
    now, ahead = 1_000_000.0, 9_000_000.0
    host, limits = Manners(next_at=ahead, minutes={int(ahead // 60): 10**6}), Limits(per_second=10)
    later = host.reserve(limits, 1, now)
    assert isinstance(later, Later)
    assert later.seconds < 3
    assert isinstance(host.reserve(limits, 1, now + later.seconds), Slots)
    for waiting in (Manners(paused_until=ahead, why="it asks us to wait"), Manners(open_until=ahead, failures=5)):
        later = waiting.reserve(limits, 1, now)
        assert isinstance(later, Later)
        assert later.seconds <= 3_600
        assert isinstance(waiting.reserve(limits, 1, now + later.seconds), Slots)


def client_of(ledger: MemoryLedger, answers: list[httpx2.Response], clock: list[float]) -> PoliteClient:
    return PoliteClient(
        default=Limits(per_second=20, failures=2),
        ledger=ledger,
        transport=httpx2.MockTransport(lambda _: answers.pop(0) if answers else httpx2.Response(200)),
        clock=lambda: clock[0],
        sleep=lambda seconds: clock.__setitem__(0, clock[0] + seconds),
        dice=lambda: 0.0,
    )


def test_what_a_host_tells_one_process_all_obey() -> None:
    ledger, clock = MemoryLedger(), [1_000_000.0]
    first = client_of(ledger, [httpx2.Response(429, headers={"Retry-After": "60"})], clock)
    second = client_of(ledger, [], clock)
    assert second.get(URL).status_code == 200
    assert first.get(URL).status_code == 429
    clock[0] += PATIENCE + HOLD  # the slots that it may have had are over
    with pytest.raises(Transient, match="it asks us to wait"):
        second.get(URL)


def test_failures_of_several_processes_open_one_circuit_and_one_of_them_probes() -> None:
    ledger, clock = MemoryLedger(), [1_000_000.0]
    clients = [client_of(ledger, [httpx2.Response(500)], clock) for _ in range(2)]
    assert [client.get(URL).status_code for client in clients] == [500, 500]
    for client in clients:
        with pytest.raises(Transient, match="2 failures in a row"):
            client.get(URL)
    clock[0] += 6.0
    third = client_of(ledger, [], clock)
    slots = ledger.change({HOST: lambda manners: manners.reserve(Limits(failures=2), 5, clock[0])})[HOST]
    assert isinstance(slots, Slots)
    assert len(slots.at) == 1, "another process probes"
    with pytest.raises(Transient, match="2 failures in a row"):
        third.get(URL)


def test_after_its_trouble_a_host_is_told_to_get_on_well_by_the_next_answer() -> None:
    ledger, clock = MemoryLedger(), [1_000_000.0]
    failing, other = client_of(ledger, [httpx2.Response(500)], clock), client_of(ledger, [], clock)
    failing.get(URL)
    assert ledger.hosts[HOST].failures == 1
    other.get(URL)
    assert ledger.hosts[HOST].failures == 0


def test_turns_for_many_hosts_are_one_question() -> None:
    asked: list[int] = []

    class Counting(MemoryLedger):
        def change(self, acts):  # type: ignore[no-untyped-def]
            asked.append(len(acts))
            return super().change(acts)

    client = client_of(Counting(), [], [1_000_000.0])
    client.expect({f"{number}.example.com": 1 + number % 3 for number in range(50)})
    for number in range(50):
        for _ in range(1 + number % 3):
            client.get(f"https://{number}.example.com/")
    assert asked == [50]
