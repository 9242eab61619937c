"""Looks in batches: few statements, leases that hold, several lookers on one database, hosts that are slow."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select

from control_plane.domain.errors import NotFound, TidegateError, Transient
from control_plane.domain.sources import Listing, SourceSpec
from control_plane.domain.versions.policy import Tag
from control_plane.services import looks, sources
from control_plane.services.looks import Findings, Outcome, Target
from control_plane.store.models import FirstSight, Source, Upstream
from control_plane.store.session import make_engine, read_scope, session_scope
from control_plane.tasks.looker import Looker
from tests.support.places import declare_places

pytestmark = pytest.mark.services
PLACES = [f"registry.example.com/acme/app-{number}" for number in range(50)]


def clock() -> datetime:
    return datetime.now(UTC)


@dataclass
class Places:
    """A reader whose places list the same tag for ever; ``slow`` hosts answer once ``go`` is set. Notes how many read what at once."""

    slow: tuple[str, ...] = ()
    go: threading.Event = field(default_factory=threading.Event)
    error: TidegateError | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    now: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    looks: Counter[str] = field(default_factory=Counter)

    def listing(self, spec: SourceSpec, account: str, memo: Mapping[str, str]) -> Listing | None:
        host = self.host_of(spec)
        with self.lock:
            self.looks[spec.location] += 1
            self.now.update((spec.location, host))
            self.most |= self.now
        try:
            if host in self.slow:
                assert self.go.wait(60)
            if self.error:
                raise self.error
            return None if memo else Listing(tags=(Tag(name="1.0.0"),), memo={"seen": "1"})
        finally:
            with self.lock:
                self.now.subtract((spec.location, host))

    def detail(self, spec: SourceSpec, account: str, tag: str, *, platforms: bool) -> Tag:
        raise NotFound("nobody needs it here")

    def host_of(self, spec: SourceSpec) -> str:
        return spec.location.partition("/")[0]


def rows(engine: Engine) -> list[Source]:
    with read_scope(engine) as session:
        return list(session.scalars(select(Source).order_by(Source.id)))


def make_due(engine: Engine) -> datetime:
    """Make every source due now, not late; return that time."""
    now = clock()
    with session_scope(engine) as session:
        for source in session.scalars(select(Source)):
            source.next_look_at, source.lease_until = now, None
    return now


def taken(engine: Engine, now: datetime) -> list[Target]:
    with session_scope(engine) as session:
        ids = list(session.scalars(select(Source.id)))
        return looks.looks_take(session, source_ids=ids, now=now)


def note(engine: Engine, outcomes: list[Outcome], now: datetime) -> None:
    looks.looks_note(outcomes, clock=lambda: now, dice=lambda: 0.0, scope=partial(session_scope, engine))


@pytest.fixture
def known(engine: Engine) -> Engine:
    """Fifty places that were looked at once; none changes any more."""
    declare_places(engine, PLACES)
    now, reader = clock(), Places()
    note(engine, [looks.read_source(target, reader) for target in taken(engine, now)], now)
    make_due(engine)
    return engine


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def count(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    yield statements
    event.remove(engine, "before_cursor_execute", count)


def test_fifty_unchanged_places_cost_a_few_statements(known: Engine) -> None:
    now, reader = clock(), Places()
    with counted(known) as statements:
        outcomes = [looks.read_source(target, reader) for target in taken(known, now)]
        note(known, outcomes, now)
    assert len(outcomes) == len(PLACES)
    assert len([one for one in statements if not one.startswith(("BEGIN", "COMMIT"))]) <= 5
    for source in rows(known):
        assert (source.lease_until, source.failures, source.last_look_at) == (None, 0, now)
        assert source.next_look_at == now + timedelta(seconds=57)


def test_who_lost_his_lease_changes_nothing(known: Engine) -> None:
    now = clock()
    old = taken(known, now)
    later = now + timedelta(seconds=looks.LEASE_SECONDS)
    new = taken(known, later)
    assert [target.source_id for target in new] == [target.source_id for target in old]
    changed = Findings(Listing(tags=(Tag(name="9.9.9"),), memo={}), ())
    for result in (Findings(None, ()), changed, Transient("it is down")):
        note(known, [Outcome(target, result) for target in old], later)
    assert {source.lease_until for source in rows(known)} == {new[0].lease}
    note(known, [Outcome(target, Findings(None, ())) for target in new], later)
    assert {(source.lease_until, source.failures) for source in rows(known)} == {(None, 0)}
    with read_scope(known) as session:
        assert session.scalar(select(func.count()).select_from(FirstSight)) == len(PLACES)


def test_what_lasts_keeps_its_lease_and_remembers_who_asked_meanwhile(known: Engine) -> None:
    now = clock()
    first, second, *others = taken(known, now)
    later = now + timedelta(seconds=40)
    with session_scope(known) as session:
        sources.source_nudge(session, places=[first.spec.location], now=later)
    with session_scope(known) as session:
        kept = looks.looks_keep(session, targets=[first, second], now=later)
    assert len(taken(known, later + timedelta(seconds=30))) == len(others), "the others' leases have run out"
    end = later + timedelta(seconds=50)
    note(known, [Outcome(kept[one.source_id], Findings(None, ())) for one in (first, second)], end)
    asked, quiet, *_ = rows(known)
    assert asked.next_look_at == end + timedelta(seconds=sources.NUDGE_SECONDS)
    assert quiet.next_look_at is not None
    assert quiet.next_look_at == max(now + timedelta(seconds=57), end + timedelta(seconds=1))


def test_nobody_polls_a_place_again_that_was_given_up_during_its_look(known: Engine) -> None:
    now = clock()
    targets = taken(known, now)
    with session_scope(known) as session:
        for upstream in session.scalars(select(Upstream)):
            upstream.policy = None
        session.flush()
        sources.sources_unpoll(session, [target.source_id for target in targets])
    half = len(targets) // 2
    note(known, [Outcome(target, Findings(None, ())) for target in targets[:half]], now)
    with session_scope(known) as session:
        looks.looks_give_back(session, targets=targets[half:], now=now)
    assert {source.next_look_at for source in rows(known)} == {None}


def test_a_budget_that_is_used_up_is_no_failure_of_the_place(known: Engine) -> None:
    now = clock()
    targets = taken(known, now)
    note(known, [Outcome(one, Transient("ours is used up", retry_after=90, code="budget")) for one in targets], now)
    for source in rows(known):
        assert (source.failures, source.unknown_since, source.lease_until) == (0, None, None)
        assert source.next_look_at == now + timedelta(seconds=90)


def test_a_place_that_fails_is_unknown_and_answers_again(known: Engine) -> None:
    now = clock()
    for number in (1, 2):
        note(known, [Outcome(one, Transient("it is down")) for one in taken(known, now)], now)
        assert {(source.failures, source.last_error) for source in rows(known)} == {(number, "it is down")}
        make_due(known)
        now = clock()
    since = {source.unknown_since for source in rows(known)}
    assert len(since) == 1
    waits = Transient("later", retry_after=3_000, code="registry_busy")
    note(known, [Outcome(one, waits) for one in taken(known, now)], now)
    assert {source.next_look_at for source in rows(known)} == {now + timedelta(seconds=3_000)}
    make_due(known)
    note(known, [Outcome(one, Findings(None, ())) for one in taken(known, clock())], clock())
    assert {(one.failures, one.unknown_since, one.last_error) for one in rows(known)} == {(0, None, None)}


def looker_on(engine: Engine, reader: Places, threads: int = 8) -> Looker:
    scope, reading = partial(session_scope, engine), partial(read_scope, engine)
    return Looker(reader, clock=clock, seconds=0.1, threads=threads, scope=scope, reading=reading)


def eventually(check: Callable[[], bool], seconds: float = 60.0) -> None:
    begun = time.monotonic()
    while not check():
        assert time.monotonic() - begun < seconds
        time.sleep(0.05)


def test_several_lookers_share_the_work_and_never_look_at_one_place_together(database_url: str) -> None:
    engines = [make_engine(database_url) for _ in range(3)]
    declare_places(engines[0], PLACES, poll_seconds=1.0)
    reader = Places()
    lookers = [looker_on(engine, reader) for engine in engines]
    for looker in lookers:
        looker.start()
    eventually(lambda: min(reader.looks[place] for place in PLACES) >= 4)
    for looker in lookers:
        looker.stop()
    assert max(reader.most[place] for place in PLACES) == 1
    assert {source.lease_until for source in rows(engines[0])} == {None}
    with read_scope(engines[0]) as session:
        assert session.scalar(select(func.count()).select_from(FirstSight)) == len(PLACES)
    for engine in engines:
        engine.dispose()


def test_a_slow_host_holds_up_nobody_else(engine: Engine) -> None:
    slow = [f"slow.example.com/acme/app-{number}" for number in range(300)]
    quick = [f"{number}.example.com/acme/app" for number in range(30)]
    declare_places(engine, [*slow, *quick], poll_seconds=30.0)
    reader = Places(slow=("slow.example.com",))
    looker = looker_on(engine, reader)
    looker.start()
    eventually(lambda: all(reader.looks[place] for place in quick))
    assert reader.most["slow.example.com"] <= 4, "half of the threads at most"
    reader.go.set()
    eventually(lambda: all(reader.looks[place] for place in slow))
    looker.stop()


def test_a_looker_that_stops_leaves_the_rest_to_others(known: Engine) -> None:
    reader = Places(slow=("registry.example.com",))
    looker = looker_on(known, reader)
    looker.start()
    eventually(lambda: sum(reader.looks.values()) == 4)
    threading.Timer(0.5, reader.go.set).start()
    looker.stop()
    assert sum(reader.looks.values()) == 4
    assert {source.lease_until for source in rows(known)} == {None}
    due = [source for source in rows(known) if source.next_look_at and source.next_look_at <= clock()]
    assert len(due) == len(PLACES) - 4


def test_a_message_makes_one_look_at_once(known: Engine) -> None:
    with session_scope(known) as session:
        for source in session.scalars(select(Source)):
            source.next_look_at = clock() + timedelta(hours=1)
    reader = Places()
    scope, reading = partial(session_scope, known), partial(read_scope, known)
    looker = Looker(reader, clock=clock, seconds=3_600.0, scope=scope, reading=reading)
    looker.start()
    time.sleep(0.3)
    place = rows(known)[7]
    for _ in range(3):
        looker.wake(place.id)
    time.sleep(0.3)
    assert not reader.looks, "it is not due: a message is no order"
    with session_scope(known) as session:
        sources.source_nudge(session, places=[place.location], now=clock())
        asked = session.get(Source, place.id)
        assert asked is not None
        asked.next_look_at = clock()
    for _ in range(3):
        looker.wake(place.id)
    eventually(lambda: rows(known)[7].last_look_at != place.last_look_at)
    looker.stop()
    assert reader.looks == {place.location: 1}


def test_a_moment_without_budget_is_waited_for(known: Engine) -> None:
    reader = Places(error=Transient("ours is used up", retry_after=0.5, code="budget"))
    looker = looker_on(known, reader)
    begun = clock()
    looker.start()
    eventually(lambda: sum(reader.looks.values()) >= 8)
    reader.error = None
    eventually(lambda: all(one.last_look_at and one.last_look_at > begun for one in rows(known)))
    looker.stop()
    assert {(one.failures, one.unknown_since) for one in rows(known)} == {(0, None)}
    assert sum(reader.looks.values()) < len(PLACES) * 2


def test_an_error_of_our_own_is_told_and_the_look_done_again(known: Engine) -> None:
    class Broken(Places):
        def listing(self, spec: SourceSpec, account: str, memo: Mapping[str, str]) -> Listing | None:
            raise KeyError("a bug")

    now = clock()
    note(known, [looks.read_source(taken(known, now)[0], Broken())], now)
    first = rows(known)[0]
    assert "an error of Tidegate itself" in (first.last_error or "")
    assert (first.failures, first.lease_until) == (1, None)


def test_followed_tags_are_quiet_while_their_digest_is_the_known_one(known: Engine) -> None:
    target = taken(known, clock())[0]
    digest = "sha256:" + "a" * 64
    followed = replace(target, followed={"latest": digest})
    assert Outcome(followed, Findings(None, (Tag(name="latest", digest=digest),))).is_quiet
    assert not Outcome(followed, Findings(None, (Tag(name="latest", digest="sha256:" + "b" * 64),))).is_quiet
    assert not Outcome(followed, Findings(None, ())).is_quiet
    assert Outcome(replace(target, followed={"latest": ""}), Findings(None, ())).is_quiet, "gone before"
