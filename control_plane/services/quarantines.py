"""Use cases of quarantines: a person keeps versions of an application out, with a reason and an end, and lets them in again.

Nothing that was published changes: a quarantine only says what is not chosen. The application weighs its tags again at once.
"""

from datetime import datetime

from control_plane.domain.errors import InvalidInput, Mistake, NotFound, Place
from control_plane.domain.versions.patterns import compile_pattern
from control_plane.domain.versions.ranges import InvalidRange
from control_plane.services import audit
from control_plane.services.choosing import weigh_soon
from control_plane.store import lookups
from control_plane.store.models import Application, Quarantine
from control_plane.store.session import Session


def quarantine_add(
    session: Session, *, application: str, pattern: str, reason: str, until: datetime | None, actor: str, now: datetime
) -> Quarantine:
    """Keep out the tags that match ``pattern`` (a tag, ``glob:…`` or ``regexp:…``). Raises ``InvalidInput``."""
    owner = lookups.application_named(session, application)
    _check(pattern, reason, until, now)
    row = Quarantine(application_id=owner.id, pattern=pattern, reason=reason, author=actor, created_at=now, until=until)
    lookups.add(session, row)
    audit.record(session, owner, "quarantined", actor=actor, now=now, reason=reason, pattern=pattern)
    weigh_soon(session, owner, now)
    return row


def quarantine_lift(session: Session, *, quarantine_id: int, reason: str, actor: str, now: datetime) -> Quarantine:
    """Let the tags in again. Raises ``NotFound`` where it is over already."""
    row = lookups.take(session, Quarantine, quarantine_id)
    if row.lifted_at is not None or (row.until is not None and row.until <= now):
        raise NotFound(f"the quarantine {quarantine_id} is over already")
    row.lifted_at = now
    owner = lookups.get(session, Application, row.application_id)
    audit.record(session, owner, "quarantine_lifted", actor=actor, now=now, reason=reason, pattern=row.pattern)
    weigh_soon(session, owner, now)
    return row


def _check(pattern: str, reason: str, until: datetime | None, now: datetime) -> None:
    mistakes = []
    try:
        compile_pattern(pattern)
    except InvalidRange as error:
        mistakes.append(Mistake(Place("pattern"), str(error), "a tag, glob:2.3.* or regexp:^2\\.3\\."))
    if not reason.strip():
        mistakes.append(Mistake(Place("reason"), "is empty", "say why: people who wonder will read it"))
    if until is not None and until <= now:
        mistakes.append(Mistake(Place("until"), "has passed already", "a time to come, or none"))
    if mistakes:
        raise InvalidInput("the quarantine is not right", mistakes=tuple(mistakes), code="quarantine")
