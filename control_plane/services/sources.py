"""Use cases of sources: the places that applications name, whose wish it is that they are looked at, and webhooks that say so.

A webhook only makes a source due, at most once a second. How sources are looked at: ``services.looks``.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from cluster_agent.contract import sha256_hex
from control_plane.domain.errors import NotFound
from control_plane.domain.sources import SourceSpec
from control_plane.services import audit
from control_plane.store import lookups, work
from control_plane.store.models import Source
from control_plane.store.nudges import nudge
from control_plane.store.seen import Changes
from control_plane.store.session import Session

NUDGE_SECONDS = 1.0  # a burst of webhooks makes one look of a source per second


def source_nudge(session: Session, *, places: Sequence[str], now: datetime) -> list[int]:
    """Make the sources at any of ``places`` due now, and applications that wait for a tag there; return the sources' ids.

    A source that was nudged or looked at within the last second is looked at when that second is over.
    """
    ids = work.sources_at(session, places)
    for source_id in ids:
        source = lookups.take(session, Source, source_id)
        soonest = max(now, source.last_look_at + timedelta(seconds=NUDGE_SECONDS)) if source.last_look_at else now
        if source.next_look_at is None:
            weigh_again(session, source, now)
        elif source.next_look_at > soonest or source.next_look_at == source.lease_until:
            source.next_look_at = soonest
            nudge(session, "source_look", source_id)
    return ids


def sources_look(session: Session, *, place: str, actor: str, now: datetime) -> int:
    """Make every source at a place due now, because a person asks for it; return how many. Raises ``NotFound``."""
    ids = source_nudge(session, places=[place], now=now)
    if not ids:
        raise NotFound(f"no application names {place!r}: `tidegate source list` shows the places that are looked at")
    for source_id in ids:
        audit.record(session, lookups.get(session, Source, source_id), "look_asked", actor=actor, now=now)
    return len(ids)


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


def weigh_again(session: Session, source: Source, now: datetime) -> None:
    """Let every application that names a source weigh its tags."""
    for application in work.applications_of(session, source.id):
        application.choose_at = now
        nudge(session, "application_choose", application.id)


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
