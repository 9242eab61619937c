"""The looks of one process: takes sources that are due, reads them with many threads, writes down what they brought in batches.

The rows decide, as everywhere: a look is leased in the database, so several processes share the work without talking to each other, and
a process that is killed only leaves leases that end. A message (``source_look``, from a webhook) is a nudge that saves waiting for the
next turn of the clock. Hosts take turns (``domain.turns``), so one that is slow holds up nobody else.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol

import msgspec
import structlog

from control_plane.domain.errors import TidegateError, Transient
from control_plane.domain.sources import SourceSpec
from control_plane.domain.turns import Turns, choose
from control_plane.services.looks import (
    BUDGET,
    LEASE_SECONDS,
    Outcome,
    SourceReader,
    Target,
    looks_give_back,
    looks_keep,
    looks_note,
    looks_take,
    read_source,
)
from control_plane.services.outside import shared_http
from control_plane.services.reading import shared_reader
from control_plane.settings import get_settings
from control_plane.store import looks
from control_plane.store.session import Session, SessionScope, read_scope, session_scope

THREADS = 40
PER_HOST = 10
WAITING_PER_HOST = 200
MOST_TAKEN = 500
FLUSH_SECONDS = 0.25  # what changed nothing waits so long for others, to be written down together
TICK_SECONDS = 0.05  # a further thread begins when those that run have left something waiting for so long
RENEW_SECONDS = LEASE_SECONDS / 3
LONGEST_SECONDS = 900.0  # a look that lasts longer is given up: its lease is renewed no more
SHORT_REST_SECONDS = 5.0
STOP_SECONDS = 15.0
log = structlog.get_logger(__name__)


class LookReader(SourceReader, Protocol):
    """What a looker needs of the outside."""

    def host_of(self, spec: SourceSpec) -> str:
        """Return the host that is asked first for a place: ``host:port``, or ``ssh://host``."""


class Looker:
    """Looks at what is due every ``seconds``, and at once after ``wake``. Make one per process, after a fork; it begins with ``start``.

    ``expect`` is told how many requests each host (``host:port``) will get within the next second.
    """

    def __init__(
        self,
        reader: LookReader,
        *,
        clock: Callable[[], datetime],
        expect: Callable[[Mapping[str, int]], None] = lambda _: None,
        seconds: float = 1.0,
        threads: int = THREADS,
        scope: SessionScope = session_scope,
        reading: SessionScope = read_scope,
    ) -> None:
        self._reader, self._clock, self._expect, self._seconds = reader, clock, expect, seconds
        self._scope, self._reading = scope, reading
        self._turns: Turns[Target] = Turns(threads=threads, per_host=PER_HOST, waiting=WAITING_PER_HOST)
        self._state = threading.Condition()
        self._asked: set[int] = set()
        self._held: dict[int, Target] = {}
        self._hosts: dict[int, str] = {}
        self._done: list[Outcome] = []
        self._stopping = False
        self._next_take = self._next_flush = 0.0
        self._next_renewal = time.monotonic() + RENEW_SECONDS
        self._few = 0  # more is due: it is taken as soon as fewer than these wait
        # What changed is written down one by one: SQLite's writers would only wait for each other, and badly.
        self._noting = threading.Lock()
        self._keeper = threading.Thread(target=self._keep, name="tidegate-looks", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._keeper.start()

    def wake(self, source_id: int) -> None:
        """Look at a source now, if it is due."""
        with self._state:
            self._asked.add(source_id)
            self._state.notify_all()

    def stop(self) -> None:
        """Begin nothing any more; wait for what runs, but not long. What was not begun is free for others."""
        with self._state:
            self._stopping = True
            self._state.notify_all()
        self._keeper.join(STOP_SECONDS + 5)

    # -- the keeper: everything that is done for many looks together

    def _keep(self) -> None:
        while not self._stopping:
            try:
                self._turn()
            except TidegateError as error:
                log.warning("looks wait", reason=error.message)
                time.sleep(1)
            except Exception:
                log.exception("looks wait")
                time.sleep(1)
        self._end_all()

    def _turn(self) -> None:
        now = time.monotonic()
        if self._done and now >= self._next_flush:
            self._flush()
        if self._held and now >= self._next_renewal:
            self._renew()
        if self._asked or now >= self._next_take or self._turns.waiting < self._few:
            self._take()
        self._grow()
        with self._state:
            self._state.wait_for(lambda: self._stopping or bool(self._asked), timeout=self._pause())

    def _pause(self) -> float:
        now = time.monotonic()
        until: list[float] = [self._next_take, *([self._next_flush] if self._done else ())]
        until += [self._next_renewal, now + FLUSH_SECONDS] if self._held else ()
        until += [now + TICK_SECONDS] if self._turns.waiting else ()
        return max(min(until) - now, 0.0)

    def _take(self) -> None:
        """Lease what is due: those that were asked for, and of all others as many as their hosts have room for."""
        with self._state:
            asked, self._asked = self._asked, set()
        now = self._clock()
        with self._reading() as session:
            chosen, is_left = choose(self._due(session, now), self._turns.room, MOST_TAKEN)
        self._next_take = time.monotonic() + self._seconds
        self._few = len(chosen) // 4 if is_left else 0
        if not chosen and not asked:
            return
        with self._scope() as session:
            targets = looks_take(session, source_ids=[*asked, *chosen], now=now)
        hosts = {target.source_id: self._host_of(target.source_id, target.spec) for target in targets}
        with self._state:
            for target in sorted(targets, key=lambda one: one.due or one.began):
                self._held[target.source_id] = target
                self._turns.add(hosts[target.source_id], target, first=target.source_id in asked)
        self._expect(Counter(host for host in hosts.values() if not host.startswith(("ssh://", "?"))))

    def _due(self, session: Session, now: datetime) -> Iterator[tuple[str, int]]:
        for page in looks.due(session, now):
            unknown = [one for one in page if one not in self._hosts]
            for source_id, spec in looks.specs(session, unknown).items():
                self._host_of(source_id, msgspec.convert(spec, SourceSpec))
            yield from ((self._hosts[one], one) for one in page)

    def _host_of(self, source_id: int, spec: SourceSpec) -> str:
        """A place never moves, so its host is found out once."""
        if source_id not in self._hosts:
            try:
                self._hosts[source_id] = self._reader.host_of(spec)
            except (TidegateError, ValueError):
                self._hosts[source_id] = f"?{spec.location}"  # its look will say what is wrong with it
        return self._hosts[source_id]

    def _grow(self) -> None:
        """Let one thread more begin where something waits that may run; it ends when nothing is left for it."""
        with self._state:
            begun = self._begin()
        if begun is not None:
            threading.Thread(target=self._run, args=begun, name=f"tidegate-look-{begun[0]}", daemon=True).start()

    def _begin(self) -> tuple[str, Target] | None:
        """Begin the look whose turn it is; one that waited until its lease was given up is left out."""
        while (begun := self._turns.begin(time.monotonic())) is not None:
            host, source_id = begun[0], begun[1].source_id
            if (target := self._held.get(source_id)) is not None:
                self._held[source_id] = replace(target, began=self._clock())
                return host, self._held[source_id]
            self._turns.end(host)
        return None

    def _renew(self) -> None:
        """Nobody may end a look meanwhile: it would write with the lease that it had before."""
        self._next_renewal = time.monotonic() + RENEW_SECONDS
        with self._state:
            now = self._clock()
            lasting = [one for one in self._held.values() if (now - one.began).total_seconds() < LONGEST_SECONDS]
            with self._scope() as session:
                self._held = looks_keep(session, targets=lasting, now=now)

    def _flush(self) -> None:
        with self._state:
            done, self._done = self._done, []
        try:
            looks_note(done, clock=self._clock, scope=self._scope)
        except BaseException:
            with self._state:
                self._done += done
            raise

    def _end_all(self) -> None:
        with self._state:
            unbegun = [self._held.get(one.source_id, one) for one in self._turns.drop()]
            self._state.wait_for(lambda: not self._turns.running, timeout=STOP_SECONDS)
        try:
            with self._scope() as session:
                looks_give_back(session, targets=unbegun, now=self._clock())
            self._flush()
        except TidegateError as error:
            log.warning("looks end by themselves, their leases run out", reason=error.message)

    # -- the threads that read

    def _run(self, host: str, target: Target) -> None:
        begun: tuple[str, Target] | None = (host, target)
        while begun is not None:
            host, target = begun
            changed = self._settled(host, read_source(target, self._reader))
            if changed is not None:
                self._note(changed)
            begun = self._next(host)

    def _settled(self, host: str, outcome: Outcome) -> Outcome | None:
        """Take what a look brought; return it where it changed something and is to be written down at once."""
        with self._state:
            now, source_id = time.monotonic(), outcome.target.source_id
            outcome = Outcome(self._held.get(source_id, outcome.target), outcome.result)
            rest = _short_rest(outcome)
            if rest and not self._stopping:
                self._turns.rest(host, now + rest)
                self._turns.add(host, outcome.target, first=True)
                return None
            self._held.pop(source_id, None)
            if not outcome.is_quiet:
                return outcome
            self._next_flush = self._next_flush if self._done else now + FLUSH_SECONDS
            self._done.append(outcome)
            return None

    def _next(self, host: str) -> tuple[str, Target] | None:
        """End a look; return what is to be read next by the same thread."""
        with self._state:
            self._turns.end(host)
            if self._stopping:
                self._state.notify_all()
                return None
            return self._begin()

    def _note(self, outcome: Outcome) -> None:
        try:
            with self._noting:
                looks_note([outcome], clock=self._clock, scope=self._scope)
        except TidegateError as error:
            log.warning("a look was not written down: it is done again", reason=error.message)
        except Exception:
            log.exception("a look was not written down: it is done again", source=outcome.target.spec.location)


def _short_rest(outcome: Outcome) -> float:
    """Return for how long a host is to rest whose budget is used up for the moment; 0: it is not, or it takes longer."""
    error = outcome.result
    if not isinstance(error, Transient) or error.code != BUDGET or error.retry_after > SHORT_REST_SECONDS:
        return 0.0
    return error.retry_after


@lru_cache(maxsize=1)
def shared_looker() -> Looker:
    """Return this process's looker."""
    expect, seconds = shared_http().expect, get_settings().sweep_seconds
    return Looker(shared_reader(), clock=lambda: datetime.now(UTC), expect=expect, seconds=seconds)


@contextmanager
def looking() -> Iterator[None]:
    """Let this process look at sources."""
    looker = shared_looker()
    looker.start()
    try:
        yield
    finally:
        looker.stop()
