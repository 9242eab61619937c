"""The first-seen logs as they are checked: whole, in order, streamed. Nothing here is taken from memory or from a check before."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from control_plane.domain.first_seen import Link, Sight
from control_plane.store.models import FirstSight, LogCheck, Source, SourceTag

SOURCES_AT_ONCE, ROWS_AT_ONCE = 500, 20_000
FETCHED = 2_000


@dataclass(frozen=True, slots=True)
class Log:
    """One source's log: what the source's own row says of it, and its ``links``, which can be read once, before the next log."""

    source_id: int
    key: str
    location: str
    length: int
    head: str
    links: Iterator[Link]


def rows_total(session: Session) -> int:
    """Return how many rows all logs have, as their sources say."""
    return session.scalar(select(func.coalesce(func.sum(Source.log_length), 0))) or 0


def next_sources(session: Session, after: int) -> list[int]:
    """Return the next sources by id, as many as have some thousand rows together; at least one where there is one."""
    statement = select(Source.id, Source.log_length).where(Source.id > after).order_by(Source.id)
    ids, rows = list[int](), 0
    for row in session.execute(statement.limit(SOURCES_AT_ONCE)):
        rows += row.log_length
        if ids and rows > ROWS_AT_ONCE:
            break
        ids.append(row.id)
    return ids


def logs_of(session: Session, source_ids: Sequence[int]) -> Iterator[Log]:
    """Yield the logs of sources, by id. One statement, so that rows and the source's word of them are of one moment."""
    source = (Source.id, Source.key, Source.location, Source.log_length, Source.log_head)
    sight = (FirstSight.position, FirstSight.tag, FirstSight.digest, FirstSight.first_seen_at, FirstSight.seen_by)
    statement = select(*source, *sight, FirstSight.sha256).outerjoin(FirstSight, FirstSight.source_id == Source.id)
    statement = statement.where(Source.id.in_(source_ids)).order_by(Source.id, FirstSight.position)
    found = session.execute(statement.execution_options(yield_per=FETCHED))
    for _, rows in groupby(found, attrgetter("id")):
        first = next(rows)
        links = (_link(row) for row in chain([first], rows) if row.position is not None)
        yield Log(first.id, first.key, first.location, first.log_length, first.log_head, links)


def wrong_ages(session: Session, source_ids: Sequence[int]) -> dict[int, str]:
    """Return a tag of each source whose age, which policies use, is not that of its digest's first row in the log."""
    logged = (
        select(func.min(FirstSight.first_seen_at))
        .where(FirstSight.source_id == SourceTag.source_id)
        .where(FirstSight.tag == SourceTag.name, FirstSight.digest == SourceTag.digest)
        .scalar_subquery()
    )
    wrong = or_(logged.is_(None), logged != SourceTag.first_seen_at)
    statement = select(SourceTag.source_id, func.min(SourceTag.name).label("name")).where(
        SourceTag.source_id.in_(source_ids), SourceTag.digest != "", wrong
    )
    return {row.source_id: row.name for row in session.execute(statement.group_by(SourceTag.source_id))}


def keys(session: Session) -> set[str]:
    """Return the keys of all sources."""
    return set(session.scalars(select(Source.key)))


def running_check(session: Session) -> LogCheck | None:
    """Return the check that goes on now."""
    return session.scalar(select(LogCheck).where(LogCheck.ended_at.is_(None)).order_by(LogCheck.id).limit(1))


def last_check(session: Session, before: int | None = None) -> LogCheck | None:
    """Return the newest check that has ended, of those with a smaller id than ``before``."""
    ended = select(LogCheck).where(LogCheck.ended_at.is_not(None))
    if before is not None:
        ended = ended.where(LogCheck.id < before)
    return session.scalar(ended.order_by(LogCheck.id.desc()).limit(1))


def forget_checks(session: Session, before: datetime) -> None:
    """Forget checks that ended long ago, but for the newest."""
    newest = select(func.max(LogCheck.id)).where(LogCheck.ended_at.is_not(None)).scalar_subquery()
    session.execute(delete(LogCheck).where(LogCheck.ended_at < before, LogCheck.id != newest))


def _link(row: Any) -> Link:
    sight = Sight(source=row.key, tag=row.tag, digest=row.digest, first_seen_at=row.first_seen_at, seen_by=row.seen_by)
    return Link(row.position, sight, row.sha256)
