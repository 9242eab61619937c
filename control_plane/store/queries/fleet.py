"""The fleet: which version runs where, and the clusters behind each number; filtered in the database, a page at a time by name."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Text, case, exists, func, null, or_, select, type_coerce
from sqlalchemy.orm import Session, joinedload, raiseload, selectinload

from control_plane.domain.labels import Term
from control_plane.domain.timelines import LEFT, TROUBLE
from control_plane.store.models import AgentReport, Application, Channel, Cluster, Installation, Promotion, Release

CLUSTERS_SHOWN = 100
NOT_INSTALLED = "-"


@dataclass(frozen=True, slots=True)
class FleetFilter:
    """Which clusters; what is empty does not narrow. ``state`` as in ``dashboard.fleet``; ``selector`` terms all hold.

    ``heard_after`` and ``heard_before`` bound the last contact. ``application`` with ``version`` is what a cluster runs
    (``NOT_INSTALLED``: nothing of it).
    """

    channel: str = ""
    state: str = ""
    selector: tuple[Term, ...] = ()
    heard_after: datetime | None = None
    heard_before: datetime | None = None
    application: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class VersionCount:
    """How many clusters run a version (None: nothing) of an application, with an outcome."""

    application: str
    running: str | None
    outcome: str
    count: int


def fleet_counts(
    session: Session, wanted: FleetFilter, *, now: datetime, silent_after: timedelta
) -> list[VersionCount]:
    """Return the counts of every application that the clusters were asked to run. One statement."""
    rows = session.execute(
        select(Installation.application, Installation.running, Installation.outcome, func.count())
        .join(Cluster, Cluster.id == Installation.cluster_id)
        .join(Channel, Channel.id == Cluster.channel_id)
        .where(
            Cluster.enrolled_at.is_not(None),
            Installation.outcome != "uninstalled",
            *_conditions(wanted, now, silent_after),
        )
        .group_by(Installation.application, Installation.running, Installation.outcome)
        .order_by(Installation.application)
    )
    return [VersionCount(*row) for row in rows]


def state_counts(session: Session, wanted: FleetFilter, *, now: datetime, silent_after: timedelta) -> dict[str, int]:
    """Return how many clusters are in each state. One statement."""
    state = cluster_state(now, silent_after)
    rows = session.execute(
        select(state, func.count())
        .select_from(Cluster)
        .join(Channel, Channel.id == Cluster.channel_id)
        .where(*_conditions(wanted, now, silent_after))
        .group_by(state)
    )
    return {row[0]: row[1] for row in rows}


def clusters_matching(
    session: Session, wanted: FleetFilter, *, now: datetime, silent_after: timedelta, after: str = ""
) -> list[Cluster]:
    """Return up to ``CLUSTERS_SHOWN`` + 1 clusters by name, those behind ``after``, with what they run. Two statements."""
    found = (
        select(Cluster)
        .join(Channel, Channel.id == Cluster.channel_id)
        .where(Cluster.name > after, *_conditions(wanted, now, silent_after))
        .options(joinedload(Cluster.channel), selectinload(Cluster.installations), raiseload("*"))
        .order_by(Cluster.name)
        .limit(CLUSTERS_SHOWN + 1)
    )
    return list(session.scalars(found))


def wanted_versions(session: Session) -> dict[tuple[str, str], list[str]]:
    """Return the channels that have a version of an application now, by both. One statement."""
    rows = session.execute(
        select(Application.name, Release.version, Channel.name)
        .select_from(Promotion)
        .join(Release, Release.id == Promotion.release_id)
        .join(Application, Application.id == Promotion.application_id)
        .join(Channel, Channel.id == Promotion.channel_id)
        .where(Promotion.state == "published")
        .order_by(Channel.id)
    )
    found: dict[tuple[str, str], list[str]] = {}
    for application, version, channel in rows:
        found.setdefault((application, version), []).append(channel)
    return found


def reports_about(session: Session, *, channel_id: int, generation: int) -> Iterable[Any]:
    """Return when, by which cluster, about what and how a generation was reported, in the order in which that came. One statement."""
    return session.execute(
        select(AgentReport.received_at, AgentReport.cluster_id, AgentReport.application, AgentReport.outcome)
        .join(Cluster, Cluster.id == AgentReport.cluster_id)
        .where(
            AgentReport.generation == generation,
            AgentReport.application.is_not(None),
            AgentReport.outcome != "observed",
            Cluster.channel_id == channel_id,
        )
        .order_by(AgentReport.id)
    )


def cluster_state(now: datetime, silent_after: timedelta) -> ColumnElement[str]:
    """Return a cluster's one state as ``dashboard.fleet.cluster_row`` says it."""
    heard = func.coalesce(Cluster.last_contact_at, Cluster.enrolled_at)
    return case(
        (Cluster.enrolled_at.is_(null()), "invited"),
        (heard < now - silent_after, "silent"),
        (_installed(Installation.outcome.in_(TROUBLE)), "troubled"),
        (_installed(Installation.outcome == "applying"), "applying"),
        (_installed(Installation.outcome.not_in(LEFT)), "healthy"),
        else_="waiting",
    )


def _installed(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(Installation.cluster_id == Cluster.id, *conditions).correlate(Cluster)


def _conditions(wanted: FleetFilter, now: datetime, silent_after: timedelta) -> list[ColumnElement[bool]]:
    """Return the conditions on ``Cluster`` (joined with its ``Channel``)."""
    found: list[ColumnElement[bool]] = [_has_label(term) for term in wanted.selector]
    if wanted.channel:
        found.append(Channel.name == wanted.channel)
    if wanted.state:
        found.append(cluster_state(now, silent_after) == wanted.state)
    if wanted.heard_after is not None:
        found.append(Cluster.last_contact_at >= wanted.heard_after)
    if wanted.heard_before is not None:
        found.append(or_(Cluster.last_contact_at < wanted.heard_before, Cluster.last_contact_at.is_(null())))
    if wanted.application:
        found.append(_runs(wanted.application, wanted.version))
    return found


def _runs(application: str, version: str) -> ColumnElement[bool]:
    there = (Installation.application == application, Installation.outcome != "uninstalled")
    if not version:
        return _installed(*there)
    running = Installation.running.is_(null()) if version == NOT_INSTALLED else Installation.running == version
    return _installed(*there, running)


def _has_label(term: Term) -> ColumnElement[bool]:
    """Labels are canonical JSON of texts without quotes: a pair, or a name with its colon, stands in it only where it is meant."""
    has, equals = _holds(f'"{term.name}":'), _holds(f'"{term.name}":"{term.value}"')
    return {"has": has, "lacks": ~has, "equals": equals, "differs": ~equals}[term.kind]


def _holds(text: str) -> ColumnElement[bool]:
    """LIKE would not do: on SQLite it takes upper and lower case for the same."""
    stored = type_coerce(Cluster.labels, Text)
    return func.replace(stored, text, "") != stored
