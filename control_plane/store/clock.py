"""A clock that was wrong and is right again: what was written down for a future that never was must not keep work waiting.

Only times that somebody waits for are changed; what has happened keeps the time that was noted then.
"""

from datetime import datetime, timedelta

from sqlalchemy import case, func, null, update
from sqlalchemy.orm import Session

from control_plane.store.models import Application, LogCheck, Release, Run, Source

SLACK = timedelta(minutes=2)
"""How far the clocks of several machines may differ."""


def future_forgotten(session: Session, now: datetime) -> timedelta:
    """Make due what a clock that was ahead has put off; return how far it was ahead, 0 where it was not.

    A place that was looked at in the future shows it: nothing else writes such a time.
    """
    latest = session.scalar(func.max(Source.last_look_at).select())
    if latest is None or latest <= now + SLACK:
        return timedelta(0)
    due = case((Source.next_look_at.is_(None), null()), else_=now)
    seen_later = Source.last_look_at > now + SLACK
    session.execute(update(Source).where(seen_later).values(last_look_at=now, next_look_at=due, lease_until=None))
    waits = (Application.choose_at, Application.choose_lease, Run.lease_until, Release.retry_at, LogCheck.lease_until)
    for column in waits:
        session.execute(update(column.class_).where(column > now + SLACK).values({column.key: now}))
    return latest - now
