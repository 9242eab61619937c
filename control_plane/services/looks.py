"""Use cases of looking at sources: take those that are due, read them, write down what was seen. I/O happens between short transactions.

A look is once for all applications that name the place. What changed makes those applications weigh their tags again
(``choosing``); what did not is written down with many others in one transaction. A place that does not answer proves nothing: it is
unknown since then, the next look is later, and no release changes. Where only our own budget for a host is used up nothing was
asked: the look waits, and that is no failure.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
import structlog

from control_plane.domain.errors import NotFound, TidegateError, Transient
from control_plane.domain.schedules import Look, Schedule, next_due
from control_plane.domain.sources import Listing, SourceSpec
from control_plane.domain.versions.policy import Tag
from control_plane.services.sources import NUDGE_SECONDS, audit_moves, weigh_again
from control_plane.store import looks, lookups, seen
from control_plane.store.looks import Ended, Taken
from control_plane.store.models import Source
from control_plane.store.seen import Changes
from control_plane.store.session import Session, SessionScope, session_scope

LEASE_SECONDS = 60.0
BUDGET = "budget"  # the code of an error that says: we did not ask
WAITS_AS_TOLD = frozenset({"registry_busy", "circuit_open"})  # whose ``retry_after`` the other side has set
log = structlog.get_logger(__name__)


class SourceReader(Protocol):
    """What looks need of the outside. ``account`` names whose credentials are used: an application, or empty."""

    def listing(self, spec: SourceSpec, account: str, memo: Mapping[str, str]) -> Listing | None:
        """Return what is listed, None where nothing changed since ``memo``. Raises ``NotFound`` or ``Transient``."""

    def detail(self, spec: SourceSpec, account: str, tag: str, *, platforms: bool) -> Tag:
        """Return a tag with its digest. Raises ``NotFound`` (there is none), ``Transient`` or ``Untrusted``."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a look reads: the place, what is known of its last state, and the tags whose digest is followed, with that digest.

    ``lease`` is until when it is ours; ``due`` since when it was (None: it was never looked at); ``failures`` came before it.
    """

    source_id: int
    spec: SourceSpec
    account: str
    memo: Mapping[str, str]
    followed: Mapping[str, str]
    schedules: tuple[Schedule, ...]
    failures: int
    due: datetime | None
    began: datetime
    lease: datetime


@dataclass(frozen=True, slots=True)
class Findings:
    """What a look saw: the listing (None: unchanged), and the followed tags that are still there."""

    listing: Listing | None
    details: tuple[Tag, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a look: findings, or why there are none."""

    target: Target
    result: Findings | TidegateError

    @property
    def is_quiet(self) -> bool:
        """It changed nothing that is known of the tags: one line in a batch."""
        if isinstance(self.result, TidegateError):
            return True
        found = {tag.name: tag.digest for tag in self.result.details}
        known = {tag: digest for tag, digest in self.target.followed.items() if digest}
        return self.result.listing is None and found == known and self.target.due is not None


def looks_take(session: Session, *, source_ids: Iterable[int], now: datetime) -> list[Target]:
    """Lease those of ``source_ids`` that are due and that nobody looks at."""
    until = now + timedelta(seconds=LEASE_SECONDS)
    taken = looks.take(session, source_ids, now, until)
    schedules: dict[int, list[Schedule]] = {one.id: [] for one in taken}
    followed: dict[int, dict[str, str]] = {one.id: {} for one in taken}
    for wish in looks.wishes(session, list(schedules)):
        schedules[wish.source_id].append(Schedule(wish.poll_seconds, wish.cron, wish.zone))
        if wish.followed:
            followed[wish.source_id][wish.followed] = wish.digest
    return [_target(one, followed[one.id], schedules[one.id], now, until) for one in taken]


def read_source(target: Target, reader: SourceReader) -> Outcome:
    """Read the place: its listing where it changed, and the digests of followed tags. What goes wrong is an outcome too."""
    try:
        return Outcome(target, _read(target, reader))
    except TidegateError as error:
        return Outcome(target, error)
    except Exception:
        log.exception("a look broke off", source=target.spec.location)
        words = f"{target.spec.location} cannot be read: an error of Tidegate itself, see the worker's log"
        return Outcome(target, Transient(words, code="internal"))


def looks_note(
    outcomes: Sequence[Outcome],
    *,
    clock: Callable[[], datetime],
    seen_by: str = "poll",
    dice: Callable[[], float] = random.random,
    scope: SessionScope = session_scope,
) -> None:
    """Write down looks: all that changed nothing in one transaction, each other one in its own."""
    if quiet := [one for one in outcomes if one.is_quiet]:
        with scope() as session:
            _note_quiet(session, quiet, clock(), dice)
    for one in outcomes:
        if not one.is_quiet and isinstance(one.result, Findings):
            with scope() as session:
                _note_findings(session, one.target, one.result, seen_by, clock(), dice())


def looks_keep(session: Session, *, targets: Iterable[Target], now: datetime) -> dict[int, Target]:
    """Renew the leases of looks that last; return those targets anew, by source."""
    until = now + timedelta(seconds=LEASE_SECONDS)
    held = list(targets)
    looks.renew(session, [(one.source_id, one.lease) for one in held], until)
    return {one.source_id: replace(one, lease=until) for one in held}


def looks_give_back(session: Session, *, targets: Iterable[Target], now: datetime) -> None:
    """Let others look at sources whose look was not begun."""
    looks.give_back(session, [(one.source_id, one.lease) for one in targets], now)


def source_look(
    *,
    source_id: int,
    reader: SourceReader,
    clock: Callable[[], datetime],
    jitter: float,
    seen_by: str = "poll",
    scope: SessionScope = session_scope,
) -> bool:
    """Look at one source. Says whether it was due. A failure to find out is written down, never raised."""
    with scope() as session:
        targets = looks_take(session, source_ids=[source_id], now=clock())
    outcomes = [read_source(target, reader) for target in targets]
    looks_note(outcomes, clock=clock, seen_by=seen_by, dice=lambda: jitter, scope=scope)
    return bool(targets)


def _target(one: Taken, followed: dict[str, str], schedules: list[Schedule], now: datetime, until: datetime) -> Target:
    return Target(
        source_id=one.id,
        spec=msgspec.convert(one.spec, SourceSpec),
        account=one.account,
        memo=one.memo,
        followed=followed,
        schedules=tuple(schedules) or (Schedule(),),
        failures=one.failures,
        due=one.due if one.last_look_at else None,
        began=now,
        lease=until,
    )


def _read(target: Target, reader: SourceReader) -> Findings:
    listing = reader.listing(target.spec, target.account, target.memo)
    details = []
    for tag in sorted(target.followed):
        try:
            details.append(reader.detail(target.spec, target.account, tag, platforms=False))
        except NotFound:
            continue  # the listing says that it is gone
    return Findings(listing, tuple(details))


def _note_quiet(session: Session, outcomes: Sequence[Outcome], now: datetime, dice: Callable[[], float]) -> None:
    waiting = [one for one in outcomes if isinstance(one.result, Transient) and one.result.code == BUDGET]
    for one in waiting:
        assert isinstance(one.result, Transient)
        later = now + timedelta(seconds=one.result.retry_after * (1 + dice() / 4))
        looks.give_back(session, [(one.target.source_id, one.target.lease)], later)
    ended = [_ended(one, now, dice()) for one in outcomes if one not in waiting]
    looks.end(session, ended, now + timedelta(seconds=NUDGE_SECONDS))


def _ended(outcome: Outcome, now: datetime, jitter: float) -> Ended:
    target, error = outcome.target, outcome.result
    if not isinstance(error, TidegateError):
        return Ended(target.source_id, target.lease, now, _next_due(target, 0, now, jitter))
    failures = target.failures + 1
    later = _next_due(target, failures, now, jitter)
    if isinstance(error, Transient) and error.code in WAITS_AS_TOLD:
        later = max(later, now + timedelta(seconds=error.retry_after))
    return Ended(target.source_id, target.lease, now, later, failures, error.message or type(error).__name__)


def _next_due(target: Target, failures: int, now: datetime, jitter: float) -> datetime:
    look = Look(due=target.due, began=target.began, ended=now, failures=failures)
    return next_due(target.schedules, look, jitter=jitter)


def _note_findings(
    session: Session, target: Target, findings: Findings, seen_by: str, now: datetime, jitter: float
) -> None:
    """Write down a look that saw something new; every application that names the source weighs it. Nothing where the lease was lost."""
    source = lookups.take(session, Source, target.source_id)
    if source.lease_until != target.lease:
        return
    changes: list[Changes] = []
    if (listing := findings.listing) is not None:
        source.memo = dict(listing.memo)
        changes.append(seen.note_listing(session, source, listing.tags, listing.notes, seen_by=seen_by, now=now))
    changes += [seen.note_detail(session, source, tag, seen_by=seen_by, now=now) for tag in findings.details]
    for one in changes:
        audit_moves(session, source, one, now)
    if any(changes) or target.due is None:
        source.changed_at = now
        weigh_again(session, source, now)
    session.flush()
    ended = Ended(target.source_id, target.lease, now, _next_due(target, 0, now, jitter))
    looks.end(session, [ended], now + timedelta(seconds=NUDGE_SECONDS))
