"""What waits to be done, as ids: the queries of the sweeper. Cheap when nothing waits: each is one look at an index.

Ids only: whoever takes one reads its row again, under a lock.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, aliased

from control_plane.domain.promotions import PromotionState
from control_plane.domain.releases import ReleaseState
from control_plane.domain.rollouts import RolloutState
from control_plane.store.models import (
    Promotion,
    Publication,
    Release,
    Rollout,
    Run,
    Upstream,
)
from control_plane.store.nudges import Nudge, Work


def due_upstreams(session: Session, now: datetime, limit: int) -> list[int]:
    """Return the chart upstreams that are due and that nobody looks at."""
    statement = (
        select(Upstream.id)
        .where(Upstream.kind == "chart", Upstream.next_look_at <= now)
        .where(or_(Upstream.lease_until.is_(None), Upstream.lease_until <= now))
    )
    return list(session.scalars(statement.order_by(Upstream.next_look_at).limit(limit)))


def chart_upstreams_using(session: Session, repositories: Sequence[str]) -> list[int]:
    """Return the chart upstreams of applications with any of ``repositories`` among their upstreams.

    A registry knows itself by other hosts than we do (a mirror, an address), so a name also counts as the path below any host.
    """
    named = aliased(Upstream)
    below = [named.repository.endswith(f"/{repository}", autoescape=True) for repository in repositories]
    statement = (
        select(Upstream.id)
        .join(named, named.application_id == Upstream.application_id)
        .where(Upstream.kind == "chart", or_(named.repository.in_(repositories), *below))
    )
    return list(session.scalars(statement.distinct().order_by(Upstream.id)))


def waiting(session: Session, now: datetime, limit: int = 20) -> list[Nudge]:
    """Return everything that somebody should take up now."""
    found = dict.fromkeys(Nudge("upstream_look", row_id) for row_id in due_upstreams(session, now, limit))
    for work, statement in _statements(now):
        found |= dict.fromkeys(Nudge(work, row_id) for row_id in session.scalars(statement.limit(limit)))
    return list(found)


def _statements(now: datetime) -> list[tuple[Work, Select[int]]]:
    release, promotion = Release.state, Promotion.state
    is_time = or_(Release.retry_at.is_(None), Release.retry_at <= now)
    soaking = promotion.in_((PromotionState.PROPOSED, PromotionState.AWAITING_APPROVAL))
    return [
        ("run_expire", select(Run.id).where(Run.verdict.is_(None), Run.lease_until <= now)),
        ("release_resolve", select(Release.id).where(release == ReleaseState.DISCOVERED, is_time)),
        ("release_retry", select(Release.id).where(release == ReleaseState.ERRORED, Release.retry_at <= now)),
        ("release_rehearse", select(Release.id).where(release == ReleaseState.QUEUED)),
        ("promotion_advance", select(Promotion.id).where(soaking, Promotion.waits_until <= now)),
        ("promotion_publish", select(Promotion.id).where(promotion == PromotionState.APPROVED)),
        ("channel_write_files", select(Publication.channel_id).where(Publication.files_at.is_(None)).distinct()),
        ("channel_write_files", select(Rollout.channel_id).where(Rollout.files_at.is_(None)).distinct()),
    ]


def rolling_rollouts(session: Session) -> list[int]:
    """Return the rollouts that may be complete, though nobody reports: a cluster may have fallen silent."""
    return list(session.scalars(select(Rollout.id).where(Rollout.state == RolloutState.ROLLING)))
