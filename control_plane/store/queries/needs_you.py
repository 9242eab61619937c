"""What waits for a person, newest first: one statement, whatever the number of applications and clusters."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, String, cast, exists, literal_column, null, or_, select, union_all
from sqlalchemy.orm import Session, aliased

from control_plane.store.models import (
    Application,
    Channel,
    Cluster,
    Installation,
    Promotion,
    Release,
    Rollout,
    Source,
    Upstream,
)

REGISTRY_PATIENCE = timedelta(minutes=1)
MOST_ROWS = 200


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that waits for a person. ``place`` is a channel, cluster or repository; ``words`` says why."""

    kind: str
    id: int
    application: str
    version: str
    place: str
    words: str
    since: datetime


def needs_you(session: Session, *, now: datetime, silent_after: timedelta) -> list[Need]:
    """Return what waits for a person."""
    parts = union_all(
        _approvals(),
        _halted(),
        _unfit(),
        _silent(now - silent_after),
        _troubled(),
        _unknown(now - REGISTRY_PATIENCE),
        _lost(),
    ).subquery()
    rows = session.execute(select(parts).order_by(parts.c.since.desc()).limit(MOST_ROWS))
    return [Need(*row) for row in rows]


def _row(
    kind: str, row_id: Any, *, since: Any, words: Any, application: Any = None, version: Any = None, place: Any = None
) -> Select[Any]:
    nothing: Any = literal_column("''")
    texts = [cast(nothing if text is None else text, String) for text in (application, version, place, words)]
    names = ("application", "version", "place", "words")
    columns = [text.label(name) for text, name in zip(texts, names, strict=True)]
    return select(literal_column(f"'{kind}'").label("kind"), row_id.label("id"), *columns, since.label("since"))


def _approvals() -> Select[Any]:
    return (
        _row(
            "approval",
            Promotion.id,
            application=Application.name,
            version=Release.version,
            place=Channel.name,
            words=Promotion.state_reason,
            since=Promotion.state_since,
        )
        .join(Application, Application.id == Promotion.application_id)
        .join(Release, Release.id == Promotion.release_id)
        .join(Channel, Channel.id == Promotion.channel_id)
        .where(Promotion.state == "awaiting_approval")
    )


def _halted() -> Select[Any]:
    version = cast(Rollout.generation, String)
    return (
        _row(
            "halted",
            Rollout.id,
            version=version,
            place=Channel.name,
            words=Rollout.state_reason,
            since=Rollout.state_since,
        )
        .join(Channel, Channel.id == Rollout.channel_id)
        .where(Rollout.state == "halted")
    )


def _unfit() -> Select[Any]:
    """Releases that failed, or of which nobody could tell and nobody tries again, unless a newer one came."""
    newer = aliased(Release)
    is_newest = ~exists().where(newer.application_id == Release.application_id, newer.id > Release.id)
    gave_up = (Release.state == "errored") & Release.retry_at.is_(null())
    return (
        _row(
            "unfit",
            Release.id,
            application=Application.name,
            version=Release.version,
            place=Release.state,
            words=Release.state_reason,
            since=Release.state_since,
        )
        .join(Application, Application.id == Release.application_id)
        .where(or_(Release.state == "failed", gave_up), is_newest, Application.removed_at.is_(None))
    )


def _silent(before: datetime) -> Select[Any]:
    return _row(
        "silent", Cluster.id, place=Cluster.name, words=literal_column("''"), since=Cluster.last_contact_at
    ).where(Cluster.last_contact_at < before)


def _troubled() -> Select[Any]:
    return (
        _row(
            "troubled",
            Cluster.id,
            application=Installation.application,
            version=Installation.wanted,
            place=Cluster.name,
            words=Installation.message,
            since=Installation.since,
        )
        .join(Cluster, Cluster.id == Installation.cluster_id)
        .where(Installation.outcome.in_(("failed", "refused")))
    )


def _unknown(before: datetime) -> Select[Any]:
    """Places that do not answer: one line each, however many applications name them."""
    is_named = exists().where(Upstream.source_id == Source.id)
    return _row("unknown", Source.id, place=Source.location, words=Source.last_error, since=Source.unknown_since).where(
        Source.unknown_since < before, is_named
    )


def _lost() -> Select[Any]:
    """Releases whose chart is kept here, is lost, and could not be put back: clusters cannot get it."""
    return (
        _row(
            "lost",
            Release.id,
            application=Application.name,
            version=Release.version,
            words=Release.chart_lost,
            since=Release.chart_lost_since,
        )
        .join(Application, Application.id == Release.application_id)
        .where(Release.chart_lost_since.is_not(None))
    )
