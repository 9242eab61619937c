"""Use cases of rollouts: halt and resume by a person; what reports do to a rollout."""

from datetime import datetime

import msgspec

from cluster_agent.contract import Manifest, Report
from control_plane.domain.rollouts import (
    ROLLOUT,
    Health,
    RolloutState,
    Standing,
    halt_reason,
    is_complete,
    is_healthy_on,
)
from control_plane.services import audit
from control_plane.store import lookups
from control_plane.store.models import Cluster, Rollout
from control_plane.store.nudges import nudge
from control_plane.store.session import Session


def rollout_halt(session: Session, *, rollout_id: int, reason: str, actor: str, now: datetime) -> Rollout:
    """Hold the generation back: no further cluster takes it."""
    rollout = lookups.take(session, Rollout, rollout_id)
    _move(session, rollout, RolloutState.HALTED, reason=reason, actor=actor, now=now)
    return rollout


def rollout_resume(session: Session, *, rollout_id: int, reason: str, actor: str, now: datetime) -> Rollout:
    """Let a halted rollout go on. A further report of a failure halts it again."""
    rollout = lookups.take(session, Rollout, rollout_id)
    _move(session, rollout, RolloutState.ROLLING, reason=reason, actor=actor, now=now)
    return rollout


def rollout_note_report(session: Session, *, cluster: Cluster, report: Report, now: datetime) -> None:
    """Halt the rollout of the very generation that a cluster reports a failure of."""
    rollout = lookups.rollout_of(session, cluster.channel_id, report.generation)
    if rollout is None:
        return
    reason = halt_reason(
        state=RolloutState(rollout.state),
        generation=rollout.generation,
        cluster=cluster.name,
        reported_generation=report.generation,
        outcome=report.outcome,
        words=report.message or report.code,
    )
    if reason is not None:
        actor = f"agent:{cluster.name}"
        _move(session, rollout, RolloutState.HALTED, reason=reason, actor=actor, now=now)


def rollout_review(session: Session, *, rollout_id: int, now: datetime, silent_after_seconds: float) -> Rollout:
    """Complete a rolling rollout when every cluster that counts is healthy on its generation."""
    rollout = lookups.take(session, Rollout, rollout_id)
    if rollout.state != RolloutState.ROLLING:
        return rollout
    standings = [
        Standing(cluster.name, cluster.generation, cluster.last_contact_at)
        for cluster in lookups.clusters_of(session, rollout.channel_id)
    ]
    if is_complete(standings, generation=rollout.generation, now=now, silent_after_seconds=silent_after_seconds):
        why = "every cluster that counts is healthy on it"
        _move(session, rollout, RolloutState.COMPLETED, reason=why, actor=audit.SYSTEM, now=now)
    return rollout


def cluster_stand(session: Session, *, cluster: Cluster) -> None:
    """Set ``cluster.generation``: the channel's newest one, if all that it wants was reported healthy with its very digests."""
    channel = cluster.channel
    publication = lookups.publication_of(session, channel.id, channel.generation)
    if publication is None:
        return
    manifest = msgspec.convert(publication.manifest, Manifest)
    wanted = {application.name: application.release_digest for application in manifest.applications}
    found = {
        row.application: Health(row.outcome, row.release_digest, row.generation)
        for row in lookups.installations_of(session, cluster.id)
    }
    if is_healthy_on(channel.generation, wanted, found):
        cluster.generation = channel.generation


def _move(session: Session, rollout: Rollout, target: RolloutState, *, reason: str, actor: str, now: datetime) -> None:
    audit.transition(session, rollout, target, ROLLOUT, actor=actor, now=now, reason=reason)
    rollout.files_at = None
    nudge(session, "channel_write_files", rollout.channel_id)
