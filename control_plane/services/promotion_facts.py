"""Loads what ``domain.promotions`` decides from: one place for pages, for the sweeper and for the publishing transaction."""

from datetime import datetime

from control_plane.domain.approvals import Grant
from control_plane.domain.promotions import Guard, PromotionFacts, PromotionState, Stay, guards
from control_plane.domain.releases import ReleaseState
from control_plane.services.declarations import channel_rule
from control_plane.store import lookups
from control_plane.store.models import Promotion
from control_plane.store.session import Session


def promotion_facts(
    session: Session, promotion: Promotion, *, expected_generation: int | None = None
) -> PromotionFacts:
    """Return the facts of a promotion as the database has them now."""
    release, channel = promotion.release, promotion.channel
    rule = channel_rule(promotion.application, channel.name)
    published = lookups.published_in(session, promotion.application_id, channel.id)
    return PromotionFacts(
        version=release.version,
        release_state=ReleaseState(release.state),
        release_digest=release.digest,
        digest=promotion.release_digest,
        rule=rule,
        grants=grants_of(session, promotion),
        stay=_stay(session, release.id, rule.after),
        published_version=published.release.version if published else None,
        generation=channel.generation,
        expected_generation=expected_generation,
        is_fallback=promotion.is_fallback,
    )


def promotion_guards(session: Session, *, promotion: Promotion, now: datetime) -> tuple[Guard, ...]:
    """Return a promotion's checklist for people."""
    return guards(promotion_facts(session, promotion), now)


def grants_of(session: Session, promotion: Promotion) -> tuple[Grant, ...]:
    """Return the approvals of this release for this channel, also from an earlier promotion: they name the digest."""
    return tuple(
        Grant(row.actor, row.role, row.release_digest, row.granted_at, row.revoked_at)
        for row in lookups.approvals_for(session, promotion.release_id, promotion.channel_id)
    )


def _stay(session: Session, release_id: int, channel: str | None) -> Stay | None:
    if channel is None:
        return None
    row = lookups.latest_stay(session, release_id, channel)
    if row is None or row.published_at is None:
        return None
    is_there = row.state == PromotionState.PUBLISHED
    return Stay(
        since=row.published_at,
        until=None if is_there else row.state_since,
        is_recalled=row.state == PromotionState.RECALLED,
    )
