"""The audit log: newest first, filtered, a page at a time by id (no counting, no offset)."""

from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from control_plane.store.models import AuditEvent

EVENTS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What to show; empty fields do not narrow. ``before`` is an event's id."""

    actor: str = ""
    action: str = ""
    subject_type: str = ""
    subject_id: str = ""
    text: str = ""
    before: int | None = None


def audit_events(session: Session, wanted: AuditFilter) -> list[AuditEvent]:
    """Return up to ``EVENTS_SHOWN`` + 1 events: one more than a page says that there are older ones."""
    found = select(AuditEvent).order_by(AuditEvent.id.desc()).limit(EVENTS_SHOWN + 1)
    for column, value in (
        (AuditEvent.actor, wanted.actor),
        (AuditEvent.action, wanted.action),
        (AuditEvent.subject_type, wanted.subject_type),
        (AuditEvent.subject_id, wanted.subject_id),
    ):
        if value:
            found = found.where(column == value)
    if wanted.text:
        found = found.where(
            or_(
                AuditEvent.subject.icontains(wanted.text, autoescape=True),
                AuditEvent.reason.icontains(wanted.text, autoescape=True),
                AuditEvent.actor.icontains(wanted.text, autoescape=True),
            )
        )
    if wanted.before is not None:
        found = found.where(AuditEvent.id < wanted.before)
    return list(session.scalars(found))


def audit_actions(session: Session) -> list[str]:
    """Return every action that the log has."""
    return list(session.scalars(select(AuditEvent.action).distinct().order_by(AuditEvent.action)))
