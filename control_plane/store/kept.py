"""What decides how long charts and evidence are kept: the releases that name them, and whether those are in use. One query each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Text, cast, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from control_plane.domain.kept_charts import Holder
from control_plane.domain.kept_evidence import RunTrace
from control_plane.domain.promotions import OPEN_STATES, PromotionState
from control_plane.domain.releases import ReleaseState
from control_plane.store.models import Application, Installation, Promotion, Release, Run

KEPT = "tidegate:"
_AT_ONCE = 1000  # parameters of one statement
_NAMED = f'%"ref":"{KEPT}%'  # manifests are canonical JSON


@dataclass(frozen=True, slots=True)
class KeptChart:
    """A release that names a kept chart. ``is_resolved``: its manifest does; before, any release may come to name one.

    ``is_lost``: it is written down as lost.
    """

    release_id: int
    application_id: int
    version: str
    digest: str
    holder: Holder
    is_resolved: bool
    is_lost: bool


def kept_charts(session: Session) -> list[KeptChart]:
    """Return every release that names a kept chart, or may, oldest first."""
    newer = aliased(Release)
    moved = select(func.max(Promotion.state_since)).where(Promotion.release_id == Release.id).scalar_subquery()
    statement = (
        select(
            Release.id,
            Release.application_id,
            Release.version,
            Release.chart_digest,
            Release.state,
            Release.state_since,
            Release.manifest,
            Release.chart_lost_since,
            Application.removed_at,
            _is_in_use().label("is_in_use"),
            (~exists().where(newer.application_id == Release.application_id, newer.id > Release.id)).label("is_newest"),
            moved.label("moved_at"),
        )
        .join(Application, Application.id == Release.application_id)
        .where(or_(Release.manifest.is_(None), cast(Release.manifest, Text).like(_NAMED)))
        .order_by(Release.id)
    )
    return [
        KeptChart(
            release_id=row.id,
            application_id=row.application_id,
            version=row.version,
            digest=row.chart_digest,
            holder=Holder(
                state=ReleaseState(row.state),
                since=_latest(row.state_since, row.removed_at, row.moved_at),
                is_in_use=row.is_in_use,
                is_newest=row.is_newest,
                is_removed=row.removed_at is not None,
            ),
            is_resolved=row.manifest is not None,
            is_lost=row.chart_lost_since is not None,
        )
        for row in session.execute(statement)
        if row.manifest is None or row.manifest["artifact"]["ref"].startswith(KEPT)
    ]


def run_traces(session: Session, run_ids: Sequence[int]) -> dict[int, RunTrace]:
    """Return what decides how long the evidence of these runs is kept; those that are not known are left out."""
    statement = select(Run.id, Run.ended_at, _is_in_use().label("is_in_use"))
    statement = statement.join(Release, Release.id == Run.release_id).join(Application)
    parts = (run_ids[start : start + _AT_ONCE] for start in range(0, len(run_ids), _AT_ONCE))
    rows = (row for part in parts for row in session.execute(statement.where(Run.id.in_(part))))
    return {row.id: RunTrace(ended_at=row.ended_at, is_in_use=row.is_in_use) for row in rows}


def _is_in_use() -> ColumnElement[bool]:
    """Whether a channel has the release of the row or may get it, or a cluster runs it."""
    states = (*OPEN_STATES, PromotionState.PUBLISHED)
    promoted = exists().where(Promotion.release_id == Release.id, Promotion.state.in_(states))
    running = exists().where(Installation.application == Application.name, Installation.running == Release.version)
    return or_(promoted, running)


def _latest(*moments: datetime | None) -> datetime:
    return max(moment for moment in moments if moment is not None)
