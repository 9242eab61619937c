"""Use cases of publishing: the transaction that makes a new generation of a channel. The files follow in ``channel_files``.

Generations only grow: the channel's row is locked, counted up and written together with the manifest, the rollout, what
it supersedes and the audit events. Whatever is not allowed any more at that moment is not published.
"""

from datetime import datetime

import msgspec

from cluster_agent.contract import (
    ApplicationManifest,
    Edge,
    RollbackContract,
    canonical_json,
    make_manifest,
    sha256_hex,
)
from control_plane.domain.channels import Former, fallback
from control_plane.domain.errors import Refused
from control_plane.domain.promotions import (
    PROMOTION,
    Guard,
    PromotionState,
    blocking,
    guards,
    next_state,
)
from control_plane.domain.releases import ReleaseState
from control_plane.domain.rollouts import ROLLOUT, RolloutState
from control_plane.domain.versions.semver import is_older
from control_plane.services import audit
from control_plane.services.promotion_facts import promotion_facts
from control_plane.services.promotions import promotions_follow
from control_plane.store import lookups
from control_plane.store.models import Channel, Promotion, Publication, Release, Rollout
from control_plane.store.nudges import nudge
from control_plane.store.session import Session


def promotion_publish(
    session: Session,
    *,
    promotion_id: int,
    expected_generation: int | None = None,
    actor: str = audit.SYSTEM,
    now: datetime,
) -> Publication | None:
    """Publish an approved promotion as its channel's next generation; None when it is not approved (any more).

    Every guard is asked again here. One that waits or refuses moves the promotion where it belongs instead.
    """
    seen = lookups.get(session, Promotion, promotion_id)
    # Everybody locks in this order: a release, what is open of an application in a channel, the channel.
    lookups.take(session, Release, seen.release_id)
    lookups.open_promotions(session, application_id=seen.application_id, channel_id=seen.channel_id)
    promotion = lookups.take(session, Promotion, promotion_id)
    if promotion.state != PromotionState.APPROVED:
        return None
    channel = lookups.take(session, Channel, promotion.channel_id)
    checklist = guards(promotion_facts(session, promotion, expected_generation=expected_generation), now)
    if guard := blocking(checklist):
        if guard.name == "generation":
            raise Refused(guard.words, code="generation_changed")
        _step_back(session, promotion, next_state(checklist), guard, now)
        return None
    publication = _publish(session, channel, promotion, actor=actor, now=now, reason="every guard held")
    _cancel_older(session, promotion, now)
    promotions_follow(session, release=promotion.release, after=channel.name, now=now)
    return publication


def channel_recall(
    session: Session, *, channel: str, application: str, reason: str, actor: str, now: datetime
) -> Publication:
    """Take back what an application has in a channel: the release before it is published at a higher generation.

    Raises ``Refused`` when nothing is published, or nothing that could be gone back to.
    """
    row = lookups.take(session, Channel, lookups.channel_named(session, channel).id)
    owner = lookups.application_named(session, application)
    current = lookups.published_in(session, owner.id, row.id)
    if current is None:
        raise Refused(f"{application} has nothing published in {channel}", code="nothing_published")
    target = _fallback_release(session, current)
    audit.transition(session, current, PromotionState.RECALLED, PROMOTION, actor=actor, now=now, reason=reason)
    session.flush()
    promotion = _approved_fallback(session, current, target, actor=actor, now=now)
    return _publish(
        session, row, promotion, actor=actor, now=now, reason=f"recall of {current.release.version}: {reason}"
    )


def channel_drop(
    session: Session, *, channel: str, application: str, reason: str, actor: str, now: datetime
) -> Publication:
    """Take an application out of a channel: the next generation does not name it. What runs in clusters is left to their own rules.

    Raises ``Refused`` when the channel does not have it.
    """
    row, owner = lookups.channel_named(session, channel), lookups.application_named(session, application)
    open_ones = lookups.open_promotions(session, application_id=owner.id, channel_id=row.id)
    row = lookups.take(session, Channel, row.id)
    for promotion in open_ones:
        why = f"the application leaves {channel}"
        audit.transition(session, promotion, PromotionState.CANCELLED, PROMOTION, actor=actor, now=now, reason=why)
    current = lookups.published_in(session, owner.id, row.id)
    if current is None:
        raise Refused(f"{application} has nothing published in {channel}", code="nothing_published")
    audit.transition(session, current, PromotionState.LEFT, PROMOTION, actor=actor, now=now, reason=reason)
    session.flush()
    row.generation += 1
    return _next_generation(session, row, actor, now)


def _fallback_release(session: Session, current: Promotion) -> Release:
    former = {row.release_id: row for row in lookups.former_in(session, current.application_id, current.channel_id)}
    recalled = {
        row.release_id
        for row in lookups.former_in(session, current.application_id, current.channel_id)
        if row.state == PromotionState.RECALLED
    }
    found = fallback(
        (
            Former(
                row.release_id,
                row.generation or 0,
                row.release.state == ReleaseState.VERIFIED and row.release_id not in recalled,
            )
            for row in former.values()
        ),
        recalled_release_id=current.release_id,
    )
    if found is None:
        raise Refused(
            f"{current.application.name} has no earlier release in {current.channel.name} that is still fit",
            code="no_fallback",
        )
    return former[found.release_id].release


def _approved_fallback(
    session: Session, current: Promotion, release: Release, *, actor: str, now: datetime
) -> Promotion:
    """Propose and approve the fallback: it was approved for this channel before, with this very digest."""
    promotion = Promotion(
        application=current.application,
        release=release,
        channel=current.channel,
        release_digest=release.digest,
        state=PromotionState.PROPOSED,
        state_since=now,
        approvals_needed=current.approvals_needed,
        proposed_at=now,
        is_fallback=True,
    )
    reason = f"fallback of the recall of {current.release.version}"
    lookups.add(session, promotion)
    audit.created(session, promotion, actor=actor, now=now, reason=reason, digest=release.digest)
    if guard := blocking(guards(promotion_facts(session, promotion), now)):
        raise Refused(f"cannot go back to {release.version}: {guard.words}", code=f"fallback_{guard.name}")
    audit.transition(session, promotion, PromotionState.APPROVED, PROMOTION, actor=actor, now=now, reason=reason)
    return promotion


def _cancel_older(session: Session, published: Promotion, now: datetime) -> None:
    same_way = lookups.open_promotions(
        session, application_id=published.application_id, channel_id=published.channel_id
    )
    for promotion in same_way:
        if is_older(promotion.release.version, published.release.version):
            why = f"{published.release.version} was published"
            audit.transition(
                session, promotion, PromotionState.CANCELLED, PROMOTION, actor=audit.SYSTEM, now=now, reason=why
            )


def _step_back(session: Session, promotion: Promotion, target: PromotionState, guard: Guard, now: datetime) -> None:
    if target is not PromotionState.PROPOSED and target != promotion.state:
        audit.transition(session, promotion, target, PROMOTION, actor=audit.SYSTEM, now=now, reason=guard.words)
    promotion.state_reason, promotion.waits_until = guard.words, guard.next_at


def _publish(
    session: Session, channel: Channel, promotion: Promotion, *, actor: str, now: datetime, reason: str
) -> Publication:
    generation = channel.generation = channel.generation + 1
    previous = lookups.published_in(session, promotion.application_id, channel.id)
    if previous is not None:
        why = f"{promotion.release.version} took its place"
        audit.transition(session, previous, PromotionState.SUPERSEDED, PROMOTION, actor=actor, now=now, reason=why)
        session.flush()
    audit.transition(
        session,
        promotion,
        PromotionState.PUBLISHED,
        PROMOTION,
        actor=actor,
        now=now,
        reason=reason,
        generation=generation,
    )
    promotion.generation, promotion.published_at, promotion.waits_until = generation, now, None
    session.flush()
    return _next_generation(session, channel, actor, now)


def _next_generation(session: Session, channel: Channel, actor: str, now: datetime) -> Publication:
    publication = _write_publication(session, channel, actor, now)
    _start_rollout(session, channel, actor, now)
    nudge(session, "channel_write_files", channel.id)
    return publication


def _write_publication(session: Session, channel: Channel, actor: str, now: datetime) -> Publication:
    """Store the very manifest that will be signed: everything that the channel has now."""
    applications = tuple(
        application_manifest(session, promotion.release) for promotion in lookups.all_published_in(session, channel.id)
    )
    manifest = make_manifest(
        channel=channel.name, generation=channel.generation, created=now, applications=applications
    )
    content = canonical_json(manifest)
    publication = Publication(
        channel=channel,
        generation=channel.generation,
        manifest=msgspec.json.decode(content),
        manifest_sha256=sha256_hex(content),
        published_at=now,
        published_by=actor,
    )
    return lookups.add(session, publication)


def application_manifest(session: Session, release: Release) -> ApplicationManifest:
    """Return what a release runs, with every edge that a rehearsal proved."""
    edges = tuple(
        Edge(
            from_release=row.from_release.version,
            contract=msgspec.convert(row.contract, RollbackContract),
            evidence=row.run.report_digest,
        )
        for row in lookups.edges_to(session, release.id)
    )
    return msgspec.structs.replace(msgspec.convert(release.manifest, ApplicationManifest), edges=edges)


def _start_rollout(session: Session, channel: Channel, actor: str, now: datetime) -> None:
    for earlier in lookups.open_rollouts(session, channel.id):
        why = f"generation {channel.generation} replaces it"
        audit.transition(session, earlier, RolloutState.ABORTED, ROLLOUT, actor=actor, now=now, reason=why)
    rollout = Rollout(
        channel=channel, generation=channel.generation, state=RolloutState.PLANNED, state_since=now, started_at=now
    )
    lookups.add(session, rollout)
    audit.created(session, rollout, actor=actor, now=now)
    why = "waits for the clusters' reports"
    audit.transition(session, rollout, RolloutState.ROLLING, ROLLOUT, actor=actor, now=now, reason=why)
