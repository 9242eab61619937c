"""Use case of agents' reports: store them, note where the cluster stands, and let them drive rollouts.

Reports are append-only and read in the order of their sequence; one that is known already, or that is about an older
generation than what is known, changes nothing that is newer.
"""

from datetime import datetime

import msgspec

from cluster_agent.contract import Report, ReportBatch, ReportReceipt
from control_plane.services.rollouts import cluster_stand, rollout_note_report, rollout_review
from control_plane.settings import get_settings
from control_plane.store import lookups
from control_plane.store.models import AgentReport, Cluster, Installation
from control_plane.store.session import Session


def reports_receive(
    session: Session, *, cluster_name: str, batch: ReportBatch, now: datetime, silent_after_seconds: float | None = None
) -> ReportReceipt:
    """Store a batch of a cluster whose signature was checked. The same batch again changes nothing but the last contact."""
    cluster = lookups.cluster_named(session, cluster_name)
    cluster.last_contact_at = now
    cluster.facts = msgspec.to_builtins(batch.facts)
    fresh = [report for report in _in_order(batch) if report.sequence > cluster.last_sequence]
    for report in fresh:
        _store(session, cluster, report, now)
    session.flush()
    if fresh or cluster.generation < cluster.channel.generation:
        cluster_stand(session, cluster=cluster)
    limit = get_settings().silent_after_seconds if silent_after_seconds is None else silent_after_seconds
    rollout = lookups.rollout_of(session, cluster.channel_id, cluster.channel.generation)
    if rollout is not None:
        rollout_review(session, rollout_id=rollout.id, now=now, silent_after_seconds=limit)
    return ReportReceipt(accepted_sequence=cluster.last_sequence)


def _in_order(batch: ReportBatch) -> list[Report]:
    return sorted({report.sequence: report for report in batch.reports}.values(), key=lambda report: report.sequence)


def _store(session: Session, cluster: Cluster, report: Report, now: datetime) -> None:
    session.add(
        AgentReport(
            cluster_id=cluster.id,
            enrolment=cluster.enrolment,
            sequence=report.sequence,
            received_at=now,
            at=report.at,
            generation=report.generation,
            application=report.application,
            release=report.release,
            outcome=report.outcome,
            code=report.code,
            message=report.message,
            body=msgspec.to_builtins(report),
        )
    )
    cluster.last_sequence = report.sequence
    if report.channel == cluster.channel.name:
        _note_installation(session, cluster, report)
        rollout_note_report(session, cluster=cluster, report=report, now=now)


def _note_installation(session: Session, cluster: Cluster, report: Report) -> None:
    """Update what the cluster runs. A sign of life changes no outcome; a report of an older generation says nothing new."""
    if report.application is None:
        return
    row = lookups.installation_in(session, cluster.id, report.application)
    if row is None:
        row = Installation(
            cluster_id=cluster.id, application=report.application, outcome="observed", generation=0, since=report.at
        )
        session.add(row)
    if report.generation >= row.generation:
        row.running = report.running
        if report.outcome != "observed":
            row.wanted, row.release_digest = report.release, report.release_digest
            row.outcome, row.generation, row.since = report.outcome, report.generation, report.at
            row.code, row.message = report.code, report.message
    session.flush()
