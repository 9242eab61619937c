"""Who, why, from, to: every state change goes through ``transition``, which writes its one audit event in the same transaction.

Actors are immutable strings: ``user:anna``, ``agent:CLUSTER``, or ``tidegate`` for what the system does by itself.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from control_plane.domain.lifecycle import Lifecycle, S
from control_plane.store.account_models import Account, HostKey
from control_plane.store.models import (
    Application,
    AuditEvent,
    Channel,
    Cluster,
    LogCheck,
    Promotion,
    Publication,
    Release,
    Rollout,
    Run,
    Source,
)
from control_plane.store.session import Session

SYSTEM = "tidegate"

Subject = (
    Account
    | Application
    | Channel
    | Cluster
    | HostKey
    | LogCheck
    | Promotion
    | Publication
    | Release
    | Rollout
    | Run
    | Source
)


def subject_name(row: Subject) -> str:
    """Return what people call a row: ``miniflux 2.2.16 → stable``."""
    match row:
        case Application() | Channel() | Cluster():
            return row.name
        case Release():
            return f"{row.application.name} {row.version}"
        case Promotion():
            return f"{subject_name(row.release)} → {row.channel.name}"
        case Publication() | Rollout():
            return f"{row.channel.name} {row.generation}"
        case Run():
            return f"{subject_name(row.release)} run {row.id}"
        case Source():
            return row.location
        case Account():
            place = f"{row.host}/{row.path}" if row.path else row.host
            return f"{place} ({row.application})" if row.application else place
        case HostKey():
            return row.host
        case LogCheck():
            return "first-seen logs"


def record(
    session: Session,
    subject: Subject,
    action: str,
    *,
    actor: str,
    now: datetime,
    reason: str = "",
    from_state: str | None = None,
    to_state: str | None = None,
    **data: Any,
) -> None:
    """Write one audit event; its action is ``<entity>.<verb>``."""
    kind = type(subject).__name__.lower()
    session.add(
        AuditEvent(
            at=now,
            actor=actor,
            action=f"{kind}.{action}",
            subject_type=kind,
            subject_id=str(subject.id),
            subject=subject_name(subject)[:255],
            from_state=from_state,
            to_state=to_state,
            reason=reason,
            data=data,
        )
    )


def transition(
    session: Session,
    row: Release | Promotion | Rollout,
    target: S,
    lifecycle: Lifecycle[S],
    *,
    actor: str,
    now: datetime,
    reason: str = "",
    **data: Any,
) -> None:
    """Move ``row`` to ``target`` and audit it. Raises ``Refused`` when its lifecycle has no such move."""
    source = type(target)(row.state)
    lifecycle.check(source, target)
    row.state, row.state_reason, row.state_since = target.value, reason, now
    record(session, row, target.value, actor=actor, now=now, reason=reason, from_state=source, to_state=target, **data)


def created(
    session: Session, row: Release | Promotion | Rollout, *, actor: str, now: datetime, reason: str = "", **data: Any
) -> None:
    """Audit the birth of a row in its first state."""
    record(session, row, row.state, actor=actor, now=now, reason=reason, to_state=row.state, **data)


def state_of(row: Release | Promotion | Rollout, states: type[StrEnum]) -> StrEnum:
    """Return a row's state as its lifecycle's type."""
    return states(row.state)
