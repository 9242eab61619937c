"""The overview's facts: every application with its way from upstream to fleet, in a constant number of statements."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from control_plane.store.models import (
    Application,
    Channel,
    Cluster,
    Installation,
    Promotion,
    Release,
    Rollout,
    Run,
    RunStep,
    Source,
    Upstream,
)

SHOWN_PROMOTIONS = ("published", "proposed", "awaiting_approval", "approved")


@dataclass(frozen=True, slots=True)
class ApplicationFacts:
    """An application. ``channels`` are its declared channels' names, in order."""

    id: int
    name: str
    description: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """The newest release of an application; ``step`` is what its rehearsal does now."""

    application_id: int
    id: int
    version: str
    state: str
    reason: str
    since: datetime
    discovered_at: datetime
    step: str | None


@dataclass(frozen=True, slots=True)
class PromotionFacts:
    """A promotion that is published or open. ``generation``: the channel's with which it was published."""

    application_id: int
    id: int
    release_id: int
    version: str
    channel: str
    channel_id: int
    state: str
    reason: str
    since: datetime
    waits_until: datetime | None
    generation: int | None


@dataclass(frozen=True, slots=True)
class RolloutFacts:
    """The rollout of a channel's newest generation."""

    id: int
    state: str
    generation: int


@dataclass(frozen=True, slots=True)
class FleetCount:
    """How many clusters of a channel run a version of an application with an outcome."""

    application: str
    channel_id: int
    running: str | None
    outcome: str
    count: int


@dataclass(frozen=True, slots=True)
class UpstreamFacts:
    """Whether the place of an upstream answers."""

    application_id: int
    location: str
    unknown_since: datetime | None
    last_error: str | None
    last_look_at: datetime | None


@dataclass(frozen=True, slots=True)
class OverviewFacts:
    """All that the overview shows. ``clusters`` counts enrolled clusters by channel id, ``rollouts`` are the newest by channel id."""

    applications: tuple[ApplicationFacts, ...]
    upstreams: tuple[UpstreamFacts, ...]
    releases: tuple[ReleaseFacts, ...]
    promotions: tuple[PromotionFacts, ...]
    fleet: tuple[FleetCount, ...]
    clusters: dict[int, int]
    rollouts: dict[int, RolloutFacts]


def overview(session: Session, *, application_id: int | None = None) -> OverviewFacts:
    """Return the facts of all applications, or of one, in seven statements."""
    only: Any = Application.id == application_id if application_id else Application.removed_at.is_(None)
    return OverviewFacts(
        applications=_applications(session, only),
        upstreams=_upstreams(session, only),
        releases=_releases(session, only),
        promotions=_promotions(session, only),
        fleet=_fleet(session, only),
        clusters=_clusters(session),
        rollouts=_rollouts(session),
    )


def _applications(session: Session, only: Any) -> tuple[ApplicationFacts, ...]:
    rows = session.execute(
        select(Application.id, Application.name, Application.declaration).where(only).order_by(Application.name)
    )
    return tuple(
        ApplicationFacts(
            id=row.id,
            name=row.name,
            description=row.declaration.get("description", ""),
            channels=tuple(rule["name"] for rule in row.declaration.get("channels", ())),
        )
        for row in rows
    )


def _upstreams(session: Session, only: Any) -> tuple[UpstreamFacts, ...]:
    rows = session.execute(
        select(
            Upstream.application_id,
            Source.location,
            Source.unknown_since,
            Source.last_error,
            Source.last_look_at,
        )
        .join(Application, Application.id == Upstream.application_id)
        .join(Source, Source.id == Upstream.source_id)
        .where(only)
        .order_by(Upstream.id)
    )
    return tuple(UpstreamFacts(*row) for row in rows)


def _releases(session: Session, only: Any) -> tuple[ReleaseFacts, ...]:
    newest = select(func.max(Release.id)).group_by(Release.application_id)
    running = and_(Run.release_id == Release.id, Run.verdict.is_(None), Release.state == "testing")
    rows = session.execute(
        select(
            Release.application_id,
            Release.id,
            Release.version,
            Release.state,
            Release.state_reason,
            Release.state_since,
            Release.discovered_at,
            func.max(RunStep.title),
        )
        .join(Application)
        .outerjoin(Run, running)
        .outerjoin(RunStep, and_(RunStep.run_id == Run.id, RunStep.state == "running"))
        .where(only, Release.id.in_(newest))
        .group_by(Release.id)
    )
    return tuple(ReleaseFacts(*row) for row in rows)


def _promotions(session: Session, only: Any) -> tuple[PromotionFacts, ...]:
    rows = session.execute(
        select(
            Promotion.application_id,
            Promotion.id,
            Promotion.release_id,
            Release.version,
            Channel.name,
            Channel.id,
            Promotion.state,
            Promotion.state_reason,
            Promotion.state_since,
            Promotion.waits_until,
            Promotion.generation,
        )
        .join(Application, Application.id == Promotion.application_id)
        .join(Release, Release.id == Promotion.release_id)
        .join(Channel, Channel.id == Promotion.channel_id)
        .where(only, Promotion.state.in_(SHOWN_PROMOTIONS))
        .order_by(Promotion.id)
    )
    return tuple(PromotionFacts(*tuple(row)) for row in rows)


def _fleet(session: Session, only: Any) -> tuple[FleetCount, ...]:
    rows = session.execute(
        select(Installation.application, Cluster.channel_id, Installation.running, Installation.outcome, func.count())
        .join(Cluster, Cluster.id == Installation.cluster_id)
        .join(Application, Application.name == Installation.application)
        .where(only)
        .group_by(Installation.application, Cluster.channel_id, Installation.running, Installation.outcome)
    )
    return tuple(FleetCount(*row) for row in rows)


def _clusters(session: Session) -> dict[int, int]:
    rows = session.execute(
        select(Cluster.channel_id, func.count()).where(Cluster.enrolled_at.is_not(None)).group_by(Cluster.channel_id)
    )
    return {row[0]: row[1] for row in rows}


def _rollouts(session: Session) -> dict[int, RolloutFacts]:
    newest = select(func.max(Rollout.id)).group_by(Rollout.channel_id)
    columns = (Rollout.channel_id, Rollout.id, Rollout.state, Rollout.generation)
    rows = session.execute(select(*columns).where(Rollout.id.in_(newest)))
    return {row[0]: RolloutFacts(*row[1:]) for row in rows}
