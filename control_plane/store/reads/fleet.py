"""Reads about channels, clusters, rollouts and the audit log."""

from collections.abc import Mapping
from importlib.metadata import version

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from control_plane.domain.agents import agent_standing, required_of
from control_plane.domain.errors import NotFound
from control_plane.store.models import AgentReport, AuditEvent, Channel, Cluster, Publication, Rollout
from control_plane.store.reads.fill import fill
from control_plane.store.reads.rows import (
    AgentRow,
    AuditRow,
    ChannelRow,
    ClusterRow,
    InstallationRow,
    ReportRow,
    RolloutRow,
)


def channels(session: Session) -> list[ChannelRow]:
    """Every channel with what its newest generation holds. One query."""
    newest = (Publication.channel_id == Channel.id) & (Publication.generation == Channel.generation)
    rows = session.execute(select(Channel, Publication).outerjoin(Publication, newest).order_by(Channel.id))
    return [_channel_row(channel, publication) for channel, publication in rows]


def _channel_row(channel: Channel, publication: Publication | None) -> ChannelRow:
    wanted = publication.manifest.get("applications", []) if publication else []
    return fill(
        ChannelRow,
        channel,
        published_at=publication.published_at if publication else None,
        applications={one["name"]: one["release"] for one in wanted},
    )


def clusters(session: Session) -> list[ClusterRow]:
    """Every cluster with what it runs. Three queries."""
    required = required_by_channel(session)
    query = select(Cluster).options(joinedload(Cluster.channel), selectinload(Cluster.installations))
    return [_cluster_row(row, required) for row in session.scalars(query.order_by(Cluster.name))]


def cluster(session: Session, *, name: str) -> ClusterRow:
    """One cluster with what it runs. ``NotFound`` if there is none of that name."""
    query = select(Cluster).options(joinedload(Cluster.channel), selectinload(Cluster.installations))
    found = session.scalars(query.where(Cluster.name == name)).one_or_none()
    if found is None:
        raise _no_cluster(name)
    return _cluster_row(found, required_by_channel(session, found.channel_id))


def required_by_channel(session: Session, channel_id: int | None = None) -> dict[int, frozenset[str]]:
    """What the newest generation of each channel, or of one, needs of an agent. One query."""
    query = select(Publication).join(Channel).where(Publication.generation == Channel.generation)
    found = session.scalars(query if channel_id is None else query.where(Channel.id == channel_id))
    return {row.channel_id: required_of(row.manifest.get("applications", ())) for row in found}


def own_version() -> str:
    """This control plane's version."""
    return version("tidegate")


def _cluster_row(row: Cluster, required: Mapping[int, frozenset[str]]) -> ClusterRow:
    agent = agent_standing(row.facts, required=required.get(row.channel_id, ()), own_version=own_version())
    return fill(
        ClusterRow,
        row,
        channel=row.channel.name,
        agent=AgentRow(version=agent.version, update=agent.update, words=agent.words),
        installations=[fill(InstallationRow, one) for one in row.installations],
    )


def _no_cluster(name: str) -> NotFound:
    return NotFound(f"there is no cluster {name!r}: see `tidegate cluster list`", code="cluster_unknown")


def reports(session: Session, *, cluster: str, limit: int = 200) -> list[ReportRow]:
    """What a cluster's agent reported, newest first. ``NotFound`` if there is no such cluster."""
    found = session.scalars(select(Cluster).where(Cluster.name == cluster)).one_or_none()
    if found is None:
        raise _no_cluster(cluster)
    query = (
        select(AgentReport).where(AgentReport.cluster_id == found.id).order_by(AgentReport.sequence.desc()).limit(limit)
    )
    return [fill(ReportRow, row) for row in session.scalars(query)]


def rollouts(session: Session, *, limit: int = 100) -> list[RolloutRow]:
    """Rollouts, newest first."""
    query = select(Rollout).options(joinedload(Rollout.channel)).order_by(Rollout.id.desc()).limit(limit)
    return [fill(RolloutRow, row, channel=row.channel.name) for row in session.scalars(query)]


def audit(session: Session, *, subject: str | None = None, limit: int = 50) -> list[AuditRow]:
    """Audit events, newest first; only those of ``subject`` if it is given."""
    query = select(AuditEvent).order_by(AuditEvent.id.desc()).limit(limit)
    if subject is not None:
        query = query.where(AuditEvent.subject == subject)
    return [fill(AuditRow, row) for row in session.scalars(query)]
