"""Loads what ``domain.promotions`` decides from: one place for pages, for the sweeper and for the publishing transaction."""

from collections.abc import Sequence
from datetime import datetime

from control_plane.domain.applications import ChannelRule
from control_plane.domain.approvals import Grant
from control_plane.domain.channels import rule_of
from control_plane.domain.promotions import Guard, PromotionFacts, PromotionState, Stay, guards
from control_plane.domain.releases import ReleaseState
from control_plane.services.declarations import declaration_of
from control_plane.store import lookups
from control_plane.store.models import Approval, Promotion
from control_plane.store.session import Session
from control_plane.store.upgrades import upgrades_of


def promotion_facts(
    session: Session, promotion: Promotion, *, expected_generation: int | None = None
) -> PromotionFacts:
    """Return the facts of a promotion as the database has them now."""
    release, channel = promotion.release, promotion.channel
    declared = rule_of(declaration_of(promotion.application).channels, channel.name)
    rule = declared or ChannelRule(name=channel.name)
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
        is_declared=declared is not None,
        upgrade=upgrades_of(session, [promotion]).get(promotion.id),
    )


def promotion_guards(session: Session, *, promotion: Promotion, now: datetime) -> tuple[Guard, ...]:
    """Return a promotion's checklist for people."""
    return guards(promotion_facts(session, promotion), now)


def grants_of(session: Session, promotion: Promotion) -> tuple[Grant, ...]:
    """Return the approvals that this promotion is decided by, also from earlier ones: they name the digest."""
    return tuple(
        Grant(row.actor, row.role, row.release_digest, row.granted_at, row.revoked_at)
        for row in promotion_approvals(session, promotion)
    )


def promotion_approvals(session: Session, promotion: Promotion) -> Sequence[Approval]:
    """Return the approvals of an open promotion, and of earlier ones of its release and channel that nobody turned away since."""
    return lookups.approvals_for(session, promotion.release_id, promotion.channel_id)


def standing_approvals(session: Session, promotion: Promotion, actor: str) -> list[Approval]:
    """Return a person's approvals of the promotion's digest that count for it and were not revoked."""
    return [
        row
        for row in promotion_approvals(session, promotion)
        if row.actor == actor and row.release_digest == promotion.release_digest and row.revoked_at is None
    ]


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
