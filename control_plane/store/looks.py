"""Looks at sources, many at a time: who is due, the lease, what came of it. A batch costs a few statements, however many looks it has.

The lease is ``lease_until`` itself: whoever lost it (it was not renewed in time, and somebody else took it) has another value than the
row, and what he writes changes nothing. While a look runs ``next_look_at`` equals it; any other value says that somebody asked for a look
meanwhile. Rows are always locked in the order of their ids.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, func, null, or_, select, tuple_, update
from sqlalchemy.orm import Session

from control_plane.store.models import Application, Source, SourceTag, Upstream

PAGE = 500


@dataclass(frozen=True, slots=True)
class Taken:
    """A source that was leased: its row as it was before."""

    id: int
    spec: dict[str, Any]
    account: str
    memo: dict[str, str]
    due: datetime
    last_look_at: datetime | None
    failures: int


@dataclass(frozen=True, slots=True)
class Wish:
    """What one application wants of a source: its schedule, and the tag that it follows by digest, with the digest known now."""

    source_id: int
    poll_seconds: float
    cron: str
    zone: str
    followed: str
    digest: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A look that changed nothing, or found nothing out (``error``, and ``failures`` in a row with it)."""

    source_id: int
    lease: datetime
    at: datetime
    next_look_at: datetime
    failures: int = 0
    error: str | None = None


def due(session: Session, now: datetime) -> Iterator[list[int]]:
    """Yield the sources that are due and that nobody looks at, the longest due first, a page at a time: stop when you have enough."""
    order = (Source.next_look_at, Source.id)
    statement = select(*order).where(*_is_due(now)).order_by(*order).limit(PAGE)
    while rows := session.execute(statement).all():
        yield [row.id for row in rows]
        if len(rows) < PAGE:
            return
        statement = statement.where(tuple_(*order) > (rows[-1].next_look_at, rows[-1].id))


def specs(session: Session, source_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return where sources are (JSON of ``domain.sources.SourceSpec``). That never changes."""
    rows = session.execute(select(Source.id, Source.spec).where(Source.id.in_(source_ids)))
    return {row.id: row.spec for row in rows}


def take(session: Session, source_ids: Iterable[int], now: datetime, until: datetime) -> list[Taken]:
    """Lease those of ``source_ids`` that are due and that nobody looks at, nor takes right now. In the order of their ids."""
    ids = sorted(set(source_ids))
    columns = (Source.id, Source.spec, Source.account, Source.memo, Source.next_look_at, Source.last_look_at)
    free = select(*columns, Source.failures).where(Source.id.in_(ids), *_is_due(now)).order_by(Source.id)
    rows = session.execute(free.with_for_update(skip_locked=True)).all()
    taken = [Taken(*row) for row in rows]
    mine = update(Source).where(Source.id.in_([one.id for one in taken]))
    session.execute(mine.values(lease_until=until, next_look_at=until).execution_options(synchronize_session=False))
    return taken


def wishes(session: Session, source_ids: Sequence[int]) -> list[Wish]:
    """Return what applications that are not removed want of sources."""
    columns = (
        Upstream.source_id,
        Application.poll_seconds,
        Application.cron,
        Application.cron_zone,
        Upstream.policy,
        SourceTag.name,
        func.coalesce(case((SourceTag.gone_at.is_(None), SourceTag.digest)), "").label("digest"),
    )
    newest = and_(SourceTag.source_id == Upstream.source_id, SourceTag.name == Upstream.newest)
    statement = select(*columns).join(Application).outerjoin(SourceTag, newest)
    rows = session.execute(statement.where(Upstream.source_id.in_(source_ids), Application.removed_at.is_(None)))
    return [_wish(row) for row in rows]


def renew(session: Session, leases: Iterable[tuple[int, datetime]], until: datetime) -> None:
    """Keep leases (source and its ``lease_until``) of looks that last."""
    values = [{"one": source_id, "lease": lease, "until": until} for source_id, lease in sorted(leases)]
    kept = case((Source.next_look_at == Source.lease_until, bindparam("until")), else_=Source.next_look_at)
    _each(session, values, lease_until=bindparam("until"), next_look_at=kept)


def give_back(session: Session, leases: Iterable[tuple[int, datetime]], at: datetime) -> None:
    """End leases of looks that were not begun: due again ``at``, as if nothing had been."""
    values = [{"one": source_id, "lease": lease, "at": at} for source_id, lease in sorted(leases)]
    again = case((Source.next_look_at.is_not(None), bindparam("at")))
    _each(session, values, lease_until=null(), next_look_at=again)


def end(session: Session, looks: Iterable[Ended], soon: datetime) -> None:
    """Write down looks and end their leases; who was asked for meanwhile is due ``soon``."""
    ordered = sorted(looks, key=lambda look: look.source_id)
    common: dict[str, Any] = {"lease_until": null(), "last_look_at": bindparam("at"), "next_look_at": _next(soon)}
    quiet = [look for look in ordered if look.error is None]
    _each(session, map(_values, quiet), failures=0, unknown_since=null(), last_error=null(), **common)
    since = func.coalesce(Source.unknown_since, bindparam("at"))
    failed = [{**_values(look), "failures": look.failures, "error": look.error} for look in ordered if look.error]
    told: dict[str, Any] = {"failures": bindparam("failures"), "last_error": bindparam("error")}
    _each(session, failed, unknown_since=since, **told, **common)


def _values(look: Ended) -> dict[str, Any]:
    return {"one": look.source_id, "lease": look.lease, "at": look.at, "next": look.next_look_at}


def _next(soon: datetime) -> ColumnElement[Any]:
    """Nobody polls it any more; nobody asked for it meanwhile; somebody did."""
    return case(
        (Source.next_look_at.is_(None), null()),
        (Source.next_look_at == Source.lease_until, bindparam("next")),
        else_=soon,
    )


def _each(session: Session, values: Iterable[dict[str, Any]], **columns: Any) -> None:
    """Change the row of each source (``one``) whose lease is still the one that its look has."""
    if rows := list(values):
        table = Source.metadata.tables[Source.__tablename__]
        mine = update(table).where(table.c.id == bindparam("one"), table.c.lease_until == bindparam("lease"))
        session.connection().execute(mine.values(**columns), rows)


def _is_due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return Source.next_look_at <= now, or_(Source.lease_until.is_(None), Source.lease_until <= now)


def _wish(row: Any) -> Wish:
    """A mutable tag is a new version when it names new content: its digest is followed where the policy says so."""
    is_followed = row.name and (row.policy or {}).get("digest")
    cron, zone = row.cron or "", row.cron_zone or "UTC"
    return Wish(row.source_id, row.poll_seconds, cron, zone, row.name if is_followed else "", row.digest)
