"""Use cases of sources: what is due, look, write down what was seen. I/O happens between two short transactions.

A look is: lease → read → write, once for all applications that name the place. What changed makes those applications weigh
their tags again (``choosing``). A place that does not answer proves nothing: it is unknown since then, the next look is later,
and no release changes. A webhook only makes a source due, at most once a second.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from cluster_agent.contract import sha256_hex
from control_plane.domain.errors import NotFound, TidegateError, Transient
from control_plane.domain.retries import is_free
from control_plane.domain.schedules import Schedule, next_due
from control_plane.domain.sources import Listing, SourceSpec
from control_plane.domain.versions.policy import Tag
from control_plane.services import audit
from control_plane.store import lookups, seen, work
from control_plane.store.models import Source
from control_plane.store.nudges import nudge
from control_plane.store.seen import Changes
from control_plane.store.session import Session, SessionScope, session_scope

LEASE_SECONDS = 60.0
WAITS_AS_TOLD = frozenset({"registry_busy", "budget", "circuit_open"})  # whose ``retry_after`` the other side has set
NUDGE_SECONDS = 1.0  # a burst of webhooks makes one look of a source per second


class SourceReader(Protocol):
    """What looks need of the outside. ``account`` names whose credentials are used: an application, or empty."""

    def listing(self, spec: SourceSpec, account: str, memo: Mapping[str, str]) -> Listing | None:
        """Return what is listed, None where nothing changed since ``memo``. Raises ``NotFound`` or ``Transient``."""

    def detail(self, spec: SourceSpec, account: str, tag: str, *, platforms: bool) -> Tag:
        """Return a tag with its digest. Raises ``NotFound`` (there is none), ``Transient`` or ``Untrusted``."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a look reads: the place, what is known of its last state, and the tags whose digest is followed."""

    source_id: int
    spec: SourceSpec
    account: str
    memo: dict[str, str]
    followed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What a look saw: the listing (None: unchanged), and the followed tags that are still there."""

    listing: Listing | None
    details: tuple[Tag, ...]


def source_nudge(session: Session, *, places: Sequence[str], now: datetime) -> list[int]:
    """Make the sources at any of ``places`` due now, and applications that wait for a tag there; return the sources' ids.

    A source that was nudged or looked at within the last second is looked at when that second is over.
    """
    ids = work.sources_at(session, places)
    for source_id in ids:
        source = lookups.take(session, Source, source_id)
        soonest = max(now, source.last_look_at + timedelta(seconds=NUDGE_SECONDS)) if source.last_look_at else now
        if source.next_look_at is None:
            _weigh_again(session, source, now)
        elif source.next_look_at > soonest or source.next_look_at == source.lease_until:
            source.next_look_at = soonest
            nudge(session, "source_look", source_id)
    return ids


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
        target = source_lease(session, source_id=source_id, now=clock())
    if target is None:
        return False
    try:
        findings = read_source(target, reader)
    except TidegateError as error:
        with scope() as session:
            source_fail(session, source_id=source_id, error=error, now=clock(), jitter=jitter)
        return True
    with scope() as session:
        source_note(session, target=target, findings=findings, seen_by=seen_by, now=clock(), jitter=jitter)
    return True


def source_lease(session: Session, *, source_id: int, now: datetime) -> Target | None:
    """Take a source that is due; None when it is not due, or somebody looks at it right now."""
    source = lookups.take(session, Source, source_id)
    if source.next_look_at is None or source.next_look_at > now or not is_free(source.lease_until, now):
        return None
    source.lease_until = source.next_look_at = now + timedelta(seconds=LEASE_SECONDS)
    return Target(source.id, spec_of(source), source.account, dict(source.memo), work.followed_tags(session, source_id))


def read_source(target: Target, reader: SourceReader) -> Findings:
    """Read the place: its listing where it changed, and the digests of followed tags."""
    listing = reader.listing(target.spec, target.account, target.memo)
    details = []
    for tag in target.followed:
        try:
            details.append(reader.detail(target.spec, target.account, tag, platforms=False))
        except NotFound:
            continue  # the listing says that it is gone
    return Findings(listing, tuple(details))


def source_note(
    session: Session, *, target: Target, findings: Findings, seen_by: str, now: datetime, jitter: float
) -> None:
    """Write down a look that was answered; what changed is weighed by every application that names the source."""
    source = lookups.take(session, Source, target.source_id)
    is_first = source.last_look_at is None
    source.unknown_since, source.failures, source.last_error = None, 0, None
    _end_look(source, next_due(_schedules(session, source), now, failures=0, jitter=jitter), now)
    changes: list[Changes] = []
    if (listing := findings.listing) is not None:
        source.memo = dict(listing.memo)
        changes.append(seen.note_listing(session, source, listing.tags, listing.notes, seen_by=seen_by, now=now))
    changes += [seen.note_detail(session, source, tag, seen_by=seen_by, now=now) for tag in findings.details]
    for one in changes:
        audit_moves(session, source, one, now)
    if any(changes) or is_first:
        source.changed_at = now
        _weigh_again(session, source, now)


def source_fail(session: Session, *, source_id: int, error: TidegateError, now: datetime, jitter: float) -> None:
    """Write down a look that found nothing out: unknown since when, why, and when to look again."""
    source = lookups.take(session, Source, source_id)
    source.failures += 1
    source.unknown_since, source.last_error = source.unknown_since or now, error.message
    later = next_due(_schedules(session, source), now, failures=source.failures, jitter=jitter)
    if isinstance(error, Transient) and error.code in WAITS_AS_TOLD:
        later = max(later, now + timedelta(seconds=error.retry_after))
    _end_look(source, later, now)


def spec_of(source: Source) -> SourceSpec:
    """Return where a source is."""
    return msgspec.convert(source.spec, SourceSpec)


def audit_moves(session: Session, source: Source, changes: Changes, now: datetime) -> None:
    """A tag that names another digest is an audit warning; releases stay what they were made of."""
    for move in changes.moved:
        why = (
            f"the tag {move.tag} named {move.before} and names {move.digest} now; releases keep what they were made of"
        )
        data = {"tag": move.tag, "before": move.before, "digest": move.digest}
        audit.record(session, source, "tag_moved", actor=audit.SYSTEM, now=now, reason=why, **data)


def _weigh_again(session: Session, source: Source, now: datetime) -> None:
    for application in work.applications_of(session, source.id):
        application.choose_at = now
        nudge(session, "application_choose", application.id)


def _schedules(session: Session, source: Source) -> list[Schedule]:
    found = work.schedules_of(session, source.id)
    return [Schedule(seconds, cron or "", zone or "UTC") for seconds, cron, zone in found] or [Schedule()]


def _end_look(source: Source, next_look_at: datetime, now: datetime) -> None:
    """Give the lease back. A webhook that came during the look is not forgotten: what it told may have come too late to be seen."""
    was_nudged = source.next_look_at != source.lease_until
    source.last_look_at, source.lease_until = now, None
    if was_nudged:
        source.next_look_at = now + timedelta(seconds=NUDGE_SECONDS)
    else:
        source.next_look_at = next_look_at


def source_ensure(session: Session, *, spec: SourceSpec, account: str, is_polled: bool, now: datetime) -> Source:
    """Return the source of a place, made where nobody named it before; due now where somebody has to choose among its tags."""
    key = key_of(spec, account)
    source = lookups.source_with(session, key)
    if source is None:
        stored = msgspec.to_builtins(spec)
        source = Source(key=key, kind=spec.kind, location=spec.location, spec=stored, account=account, memo={})
        lookups.add(session, source)
    if is_polled:
        source.next_look_at = now
        nudge(session, "source_look", source.id)
    return source


def sources_unpoll(session: Session, source_ids: Sequence[int]) -> None:
    """Stop looking at those sources that nobody chooses from any more. What was seen of them stays known."""
    for source_id in source_ids:
        if not work.is_chosen_from(session, source_id):
            lookups.take(session, Source, source_id).next_look_at = None


def key_of(spec: SourceSpec, account: str) -> str:
    """Return what names a place and the account that it is read with. Applications that name both share one look."""
    words = (spec.kind, spec.location, spec.name, spec.path, spec.branch, account)
    return sha256_hex("\0".join(words).encode())
