"""What waits to be done, as ids: the queries of the sweeper. Cheap when nothing waits: each is one look at an index.

Ids only: whoever takes one reads its row again, under a lock.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from control_plane.domain.promotions import PromotionState
from control_plane.domain.releases import ReleaseState
from control_plane.domain.rollouts import RolloutState
from control_plane.store.models import (
    Application,
    LogCheck,
    Promotion,
    Publication,
    Release,
    Rollout,
    Run,
    Source,
    Upstream,
)
from control_plane.store.nudges import Nudge, Work


def sources_at(session: Session, places: Sequence[str]) -> list[int]:
    """Return the sources at any of ``places`` that an application names.

    A registry knows itself by other hosts than we do (a mirror, an address), so a name also counts as the path below any host.
    """
    below = [Source.location.endswith(f"/{place}", autoescape=True) for place in places]
    statement = select(Source.id).where(or_(Source.location.in_(places), *below))
    return list(session.scalars(statement.where(Source.upstreams.any()).order_by(Source.id)))


def applications_of(session: Session, source_id: int) -> Sequence[Application]:
    """Return the applications that name a source and are not removed."""
    naming = Application.upstreams.any(Upstream.source_id == source_id)
    return session.scalars(
        select(Application).where(naming, Application.removed_at.is_(None)).order_by(Application.id)
    ).all()


def is_chosen_from(session: Session, source_id: int) -> bool:
    """Say whether an application has a policy for the tags of a source."""
    statement = select(Upstream.id).filter_by(source_id=source_id).where(Upstream.policy.is_not(None)).limit(1)
    return session.scalar(statement) is not None


def waiting(session: Session, now: datetime, limit: int = 20) -> list[Nudge]:
    """Return everything that somebody should take up now, but for looks (``looks.due``): at most ``limit`` of a kind."""
    found: dict[Nudge, None] = {}
    for work, statement in _statements(now):
        found |= dict.fromkeys(Nudge(work, row_id) for row_id in session.scalars(statement.limit(limit)))
    return list(found)


def _statements(now: datetime) -> list[tuple[Work, Select[int]]]:
    release, promotion = Release.state, Promotion.state
    is_time = or_(Release.retry_at.is_(None), Release.retry_at <= now)
    is_unheld = or_(Application.choose_lease.is_(None), Application.choose_lease <= now)
    is_unchecked = or_(LogCheck.lease_until.is_(None), LogCheck.lease_until <= now)
    soaking = promotion.in_((PromotionState.PROPOSED, PromotionState.AWAITING_APPROVAL))
    is_ripe = or_(Promotion.waits_until.is_(None), Promotion.waits_until <= now)
    return [
        ("application_choose", select(Application.id).where(Application.choose_at <= now, is_unheld)),
        ("logs_check", select(LogCheck.id).where(LogCheck.ended_at.is_(None), is_unchecked)),
        ("run_expire", select(Run.id).where(Run.verdict.is_(None), Run.lease_until <= now)),
        ("release_resolve", select(Release.id).where(release == ReleaseState.DISCOVERED, is_time)),
        ("release_retry", select(Release.id).where(release == ReleaseState.ERRORED, Release.retry_at <= now)),
        ("release_rehearse", select(Release.id).where(release == ReleaseState.QUEUED)),
        ("promotion_advance", _longest_waiting(select(Promotion.id).where(soaking, Promotion.waits_until <= now))),
        (
            "promotion_publish",
            _longest_waiting(select(Promotion.id).where(promotion == PromotionState.APPROVED, is_ripe)),
        ),
        ("channel_write_files", select(Publication.channel_id).where(Publication.files_at.is_(None)).distinct()),
        ("channel_write_files", select(Rollout.channel_id).where(Rollout.files_at.is_(None)).distinct()),
    ]


def _longest_waiting(promotions: Select[int]) -> Select[int]:
    return promotions.order_by(Promotion.state_since, Promotion.id)


def rolling_rollouts(session: Session) -> list[int]:
    """Return the rollouts that may be complete, though nobody reports: a cluster may have fallen silent."""
    return list(session.scalars(select(Rollout.id).where(Rollout.state == RolloutState.ROLLING)))
