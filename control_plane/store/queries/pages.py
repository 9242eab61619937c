"""What the pages of single things show: rows with all that is shown already loaded. Reading anything else raises."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, raiseload, selectinload

from control_plane.domain.errors import NotFound
from control_plane.store.models import (
    AgentReport,
    Application,
    Channel,
    Cluster,
    Edge,
    Promotion,
    Publication,
    Release,
    Rollout,
    Run,
    Source,
    SourceTag,
    Upstream,
)

RELEASES_SHOWN = 50
PUBLICATIONS_SHOWN = 50
REPORTS_SHOWN = 100
_nothing_else = raiseload("*")
_upstreams = (selectinload(Application.upstreams).joinedload(Upstream.source),)


def application_upstreams(session: Session, name: str) -> Application:
    """Return an application with its upstreams and their places."""
    application = session.scalars(
        select(Application).where(Application.name == name).options(*_upstreams, _nothing_else)
    ).one_or_none()
    if application is None:
        raise NotFound(f"no application is named {name}: `tidegate app list` shows all", code="no_application")
    return application


def application_page(session: Session, name: str) -> tuple[Application, list[Release]]:
    """Return an application with its upstreams, and its newest releases with their promotions."""
    application = application_upstreams(session, name)
    releases = session.scalars(
        select(Release)
        .where(Release.application_id == application.id)
        .order_by(Release.id.desc())
        .limit(RELEASES_SHOWN)
        .options(selectinload(Release.promotions).joinedload(Promotion.channel), _nothing_else)
    )
    return application, list(releases)


def release_page(session: Session, application: str, version: str) -> tuple[Release, list[Edge]]:
    """Return a release with its runs, their steps and its promotions; and the edges that lead to it."""
    release = session.scalars(
        select(Release)
        .join(Application)
        .where(Application.name == application, Release.version == version)
        .options(
            joinedload(Release.application),
            selectinload(Release.runs).options(selectinload(Run.steps), joinedload(Run.base_release)),
            selectinload(Release.promotions).joinedload(Promotion.channel),
            _nothing_else,
        )
    ).one_or_none()
    if release is None:
        raise NotFound(f"{application} has no release {version}: its page lists all", code="no_release")
    edges = session.scalars(
        select(Edge)
        .where(Edge.to_release_id == release.id)
        .options(joinedload(Edge.from_release), _nothing_else)
        .order_by(Edge.id.desc())
    )
    return release, list(edges)


def release_notes(session: Session, release: Release) -> dict[str, dict[str, Any]]:
    """Return what publishers say about the tags that a release is made of, by alias: JSON of ``domain.sources.Notes``."""
    tags = {alias: part["tag"] for alias, part in (release.parts or {}).items()}
    rows = session.execute(
        select(Upstream.alias, SourceTag.name, SourceTag.detail)
        .join(SourceTag, SourceTag.source_id == Upstream.source_id)
        .where(Upstream.application_id == release.application_id, SourceTag.name.in_(tags.values()))
        .order_by(Upstream.id)
    )
    listed = {
        row.alias: row.detail["notes"] for row in rows if tags.get(row.alias) == row.name and "notes" in row.detail
    }
    own = {alias: part["notes"] for alias, part in (release.parts or {}).items() if part.get("notes")}
    return own | listed


def sources_page(session: Session) -> list[tuple[Source, int]]:
    """Return every place that an application names, with who names it, and how many tags are listed there now."""
    tags = (
        select(SourceTag.source_id, func.count().label("count"))
        .where(SourceTag.gone_at.is_(None))
        .group_by(SourceTag.source_id)
        .subquery()
    )
    rows = session.execute(
        select(Source, tags.c.count)
        .outerjoin(tags, tags.c.source_id == Source.id)
        .where(Source.upstreams.any())
        .options(selectinload(Source.upstreams).joinedload(Upstream.application), _nothing_else)
        .order_by(Source.location, Source.id)
    )
    return [(source, count or 0) for source, count in rows]


def run_page(session: Session, run_id: int) -> Run:
    """Return a run with its release and application."""
    run = session.scalars(
        select(Run)
        .where(Run.id == run_id)
        .options(joinedload(Run.release).joinedload(Release.application), _nothing_else)
    ).one_or_none()
    if run is None:
        raise NotFound(f"there is no run {run_id}", code="no_run")
    return run


def promotion_page(session: Session, promotion_id: int) -> Promotion:
    """Return a promotion; the guards read more of it, so nothing is forbidden here."""
    promotion = session.scalars(
        select(Promotion)
        .where(Promotion.id == promotion_id)
        .options(
            joinedload(Promotion.application),
            joinedload(Promotion.release),
            joinedload(Promotion.channel),
            selectinload(Promotion.approvals),
        )
    ).one_or_none()
    if promotion is None:
        raise NotFound(f"there is no promotion {promotion_id}", code="no_promotion")
    return promotion


def published_now(session: Session, *, application_id: int, channel_id: int) -> Promotion | None:
    """Return what the channel has of the application now."""
    return session.scalars(
        select(Promotion)
        .where(
            Promotion.application_id == application_id,
            Promotion.channel_id == channel_id,
            Promotion.state == "published",
        )
        .options(joinedload(Promotion.release), _nothing_else)
    ).one_or_none()


def channel_list(session: Session) -> list[Channel]:
    """Return every channel, in the order they were made."""
    return list(session.scalars(select(Channel).order_by(Channel.id)))


def namespaces_of(session: Session, channel: str) -> list[str]:
    """Return the namespaces of the applications that use ``channel``: what an agent that follows it has to serve."""
    declarations = session.scalars(select(Application.declaration).where(Application.removed_at.is_(None)))
    return sorted(
        {one["namespace"] for one in declarations if any(rule["name"] == channel for rule in one["channels"])}
    )


def channel_page(session: Session, name: str) -> tuple[Channel, list[Publication], list[Promotion], list[Rollout]]:
    """Return a channel, its newest generations, its published and open promotions, and the generations' rollouts."""
    channel = session.scalars(select(Channel).where(Channel.name == name)).one_or_none()
    if channel is None:
        raise NotFound(f"no channel is named {name}: channels are declared in application files", code="no_channel")
    publications = session.scalars(
        select(Publication)
        .where(Publication.channel_id == channel.id)
        .order_by(Publication.generation.desc())
        .limit(PUBLICATIONS_SHOWN + 1)
        .options(_nothing_else)
    )
    promotions = session.scalars(
        select(Promotion)
        .where(
            Promotion.channel_id == channel.id,
            Promotion.state.in_(("published", "proposed", "awaiting_approval", "approved")),
        )
        .options(joinedload(Promotion.release), joinedload(Promotion.application), _nothing_else)
        .order_by(Promotion.application_id, Promotion.id)
    )
    rollouts = session.scalars(
        select(Rollout)
        .where(Rollout.channel_id == channel.id)
        .order_by(Rollout.generation.desc())
        .limit(PUBLICATIONS_SHOWN + 1)
        .options(_nothing_else)
    )
    return channel, list(publications), list(promotions), list(rollouts)


def rollout_page(session: Session, rollout_id: int) -> tuple[Rollout, Publication | None, list[Cluster]]:
    """Return a rollout, the generation it spreads, and the channel's clusters with what they run."""
    rollout = session.scalars(
        select(Rollout).where(Rollout.id == rollout_id).options(joinedload(Rollout.channel), _nothing_else)
    ).one_or_none()
    if rollout is None:
        raise NotFound(f"there is no rollout {rollout_id}", code="no_rollout")
    publication = session.scalars(
        select(Publication)
        .where(Publication.channel_id == rollout.channel_id, Publication.generation == rollout.generation)
        .options(_nothing_else)
    ).one_or_none()
    return rollout, publication, clusters_page(session, channel_id=rollout.channel_id)


def clusters_page(session: Session, *, channel_id: int) -> list[Cluster]:
    """Return every cluster of a channel, with what it runs."""
    found = (
        select(Cluster)
        .where(Cluster.channel_id == channel_id)
        .options(joinedload(Cluster.channel), selectinload(Cluster.installations), _nothing_else)
        .order_by(Cluster.name)
    )
    return list(session.scalars(found))


def cluster_page(session: Session, name: str) -> tuple[Cluster, list[AgentReport]]:
    """Return a cluster with what it runs, and its newest reports."""
    cluster = session.scalars(
        select(Cluster)
        .where(Cluster.name == name)
        .options(joinedload(Cluster.channel), selectinload(Cluster.installations), _nothing_else)
    ).one_or_none()
    if cluster is None:
        raise NotFound(f"no cluster is named {name}: the page Clusters lists all", code="no_cluster")
    reports = session.scalars(
        select(AgentReport)
        .where(AgentReport.cluster_id == cluster.id)
        .order_by(AgentReport.id.desc())
        .limit(REPORTS_SHOWN)
        .options(_nothing_else)
    )
    return cluster, list(reports)
