"""Use cases of promotions: propose, advance, approve, revoke, reject. Publishing is in ``services.publications``.

Every decision is made from the same facts by ``domain.promotions.guards``; this module writes what follows from it.
"""

from collections.abc import Sequence
from datetime import datetime

from control_plane.domain.applications import ChannelRule
from control_plane.domain.approvals import APPROVING_ROLES
from control_plane.domain.channels import first_channels, next_channels
from control_plane.domain.errors import Forbidden, Refused
from control_plane.domain.promotions import (
    OPEN_STATES,
    PROMOTION,
    TURNED_AWAY,
    PromotionState,
    blocking,
    guards,
    next_state,
)
from control_plane.domain.releases import ReleaseState
from control_plane.services import audit
from control_plane.services.declarations import channel_rule, declaration_of
from control_plane.services.promotion_facts import promotion_facts, promotion_guards, standing_approvals
from control_plane.store import lookups
from control_plane.store.models import Application, Approval, Promotion, Release
from control_plane.store.nudges import nudge
from control_plane.store.session import Session

__all__ = [
    "newest_fit",
    "promotion_advance",
    "promotion_approve",
    "promotion_guards",
    "promotion_offer",
    "promotion_propose",
    "promotion_reject",
    "promotion_revoke",
    "promotions_follow",
    "promotions_reconsider",
]


def promotion_propose(
    session: Session, *, release: Release, channel: str, actor: str, reason: str, now: datetime
) -> Promotion:
    """Propose a release for a channel and advance it as far as it goes. One that is there already is returned.

    Raises ``Refused`` for a release without a digest and for a channel that its application does not declare.
    """
    rule = channel_rule(release.application, channel)
    if release.digest is None:
        raise Refused(f"{audit.subject_name(release)} is {release.state}: its digests are not known", code="no_digest")
    row = lookups.channel_named(session, channel)
    if present := lookups.live_promotion(session, release.id, row.id):
        return present
    promotion = Promotion(
        application=release.application,
        release=release,
        channel=row,
        release_digest=release.digest,
        state=PromotionState.PROPOSED,
        state_reason=reason,
        state_since=now,
        approvals_needed=rule.approvals,
        proposed_at=now,
    )
    lookups.add(session, promotion)
    audit.created(session, promotion, actor=actor, now=now, reason=reason, digest=release.digest)
    _advance(session, promotion, now)
    return promotion


def promotion_offer(
    session: Session, *, release_id: int, channel: str, actor: str, reason: str, now: datetime
) -> Promotion:
    """A person proposes a release for a channel, also one that turned it away before: approvals from then do not count.

    Raises ``Refused`` for a release that is not verified, one that the channel has already or is offered, and without a reason.
    """
    release = lookups.take(session, Release, release_id)
    what = audit.subject_name(release)
    if release.state != ReleaseState.VERIFIED:
        raise Refused(
            f"{what} is {release.state}: only a verified release is proposed for a channel", code="not_verified"
        )
    if not reason.strip():
        raise Refused("say why: the next person finds it in the audit log", code="no_reason")
    if present := lookups.live_promotion(session, release.id, lookups.channel_named(session, channel).id):
        raise Refused(f"{what} is {present.state} in {channel} already", code="there_already")
    return promotion_propose(session, release=release, channel=channel, actor=actor, reason=reason, now=now)


def promotions_reconsider(
    session: Session, *, application: Application, known: Sequence[ChannelRule], now: datetime
) -> None:
    """An application's file has changed: what is open goes where the guards put it now, and channels that are new get a release.

    ``known`` are the rules before; a rule is new where its channel was not named, or followed another channel.
    """
    for promotion in lookups.open_promotions(session, application_id=application.id):
        _advance(session, promotion, now)
    before = {(rule.name, rule.after) for rule in known}
    for rule in declaration_of(application).channels:
        release = None if (rule.name, rule.after) in before else _at_its_gate(session, application, rule)
        if release is not None:
            _propose_to(session, release, [rule], "the application's file names the channel now", now)


def _at_its_gate(session: Session, application: Application, rule: ChannelRule) -> Release | None:
    """Return what the channel would have been offered, had it been there: what ``after`` has, or what a rehearsal proved last."""
    if rule.after is None:
        return newest_fit(session, application)
    channel = lookups.channel_named(session, rule.after)
    published = lookups.published_in(session, application.id, channel.id)
    return published.release if published is not None else None


def newest_fit(session: Session, application: Application) -> Release | None:
    """Return the newest release that passed its rehearsal, without those that were recalled from a channel and are not back there."""
    decided = lookups.decisions(session, application.id)
    recalled = {release_id for (release_id, _), state in decided.items() if state == PromotionState.RECALLED}
    verified = lookups.releases_in(session, application.id, (ReleaseState.VERIFIED,))
    return next((release for release in reversed(verified) if release.id not in recalled), None)


def promotions_follow(session: Session, *, release: Release, after: str | None, now: datetime) -> list[Promotion]:
    """Propose a release for the channels that follow ``after`` (None: the rehearsal), but for those that turned it away.

    What people recalled from a channel, or rejected for it, comes back there when a person proposes it.
    """
    rules = declaration_of(release.application).channels
    following = first_channels(rules) if after is None else next_channels(rules, after)
    reason = "its rehearsal passed" if after is None else f"published in {after}"
    if release.application.removed_at is not None:
        return []
    return _propose_to(session, release, following, reason, now)


def _propose_to(
    session: Session, release: Release, rules: Sequence[ChannelRule], reason: str, now: datetime
) -> list[Promotion]:
    decided = lookups.decisions(session, release.application_id)
    return [
        promotion_propose(session, release=release, channel=rule.name, actor=audit.SYSTEM, reason=reason, now=now)
        for rule in rules
        if decided.get((release.id, lookups.channel_named(session, rule.name).id)) not in TURNED_AWAY
    ]


def promotion_advance(session: Session, *, promotion_id: int, now: datetime) -> Promotion:
    """Move an open promotion to where its guards put it now. Anything else stays as it is."""
    promotion = lookups.take(session, Promotion, promotion_id)
    if promotion.state in OPEN_STATES:
        _advance(session, promotion, now)
    return promotion


def promotion_approve(
    session: Session,
    *,
    promotion_id: int,
    release_digest: str,
    actor: str,
    role: str,
    comment: str = "",
    now: datetime,
) -> Promotion:
    """Record that a person agrees to the very digest that was looked at. The same person again changes nothing.

    Raises ``Forbidden`` for a role that may not approve, ``Refused`` for another digest or a promotion that is over.
    """
    if role not in APPROVING_ROLES:
        raise Forbidden(f"{actor} is {role}: approving needs the role approver", code="role_missing")
    promotion = _open_for(session, promotion_id, release_digest)
    if not standing_approvals(session, promotion, actor):
        promotion.approvals.append(
            Approval(actor=actor, role=str(role), release_digest=release_digest, comment=comment, granted_at=now)
        )
        session.flush()
        audit.record(
            session,
            promotion,
            "approval_granted",
            actor=actor,
            now=now,
            reason=comment,
            digest=release_digest,
            role=role,
        )
    _advance(session, promotion, now)
    return promotion


def promotion_revoke(
    session: Session, *, promotion_id: int, release_digest: str, actor: str, comment: str = "", now: datetime
) -> Promotion:
    """Take one's own approval back, also one from an earlier promotion that counts here.

    Raises ``Refused`` when there is none that holds, or it is published already.
    """
    promotion = _open_for(session, promotion_id, release_digest)
    standing = standing_approvals(session, promotion, actor)
    if not standing:
        raise Refused(f"{actor} has no approval here that could be revoked", code="no_approval")
    for approval in standing:
        approval.revoked_at = now
    session.flush()
    audit.record(session, promotion, "approval_revoked", actor=actor, now=now, reason=comment, digest=release_digest)
    _advance(session, promotion, now)
    return promotion


def promotion_reject(
    session: Session, *, promotion_id: int, release_digest: str, actor: str, comment: str = "", now: datetime
) -> Promotion:
    """Say no: the release does not enter this channel."""
    promotion = _open_for(session, promotion_id, release_digest)
    audit.transition(session, promotion, PromotionState.REJECTED, PROMOTION, actor=actor, now=now, reason=comment)
    promotion.waits_until = None
    return promotion


def _open_for(session: Session, promotion_id: int, release_digest: str) -> Promotion:
    """Return the open promotion of the digest that a person looked at, locked."""
    promotion = lookups.take(session, Promotion, promotion_id)
    if promotion.state not in OPEN_STATES:
        raise Refused(f"{audit.subject_name(promotion)} is {promotion.state}: nothing is left to decide", code="over")
    if release_digest != promotion.release_digest:
        raise Refused(
            f"{audit.subject_name(promotion)} is about {promotion.release_digest}, not {release_digest}: look again",
            code="other_digest",
        )
    return promotion


def _advance(session: Session, promotion: Promotion, now: datetime) -> None:
    facts = promotion_facts(session, promotion)
    checklist = guards(facts, now)
    target, guard = next_state(checklist), blocking(checklist)
    promotion.approvals_needed = facts.rule.approvals
    promotion.waits_until = guard.next_at if guard else None
    words = guard.words if guard else "every guard holds"
    if target != promotion.state and target is not PromotionState.PROPOSED:
        audit.transition(session, promotion, target, PROMOTION, actor=audit.SYSTEM, now=now, reason=words)
    promotion.state_reason = words
    if target is PromotionState.APPROVED:
        nudge(session, "promotion_publish", promotion.id)
