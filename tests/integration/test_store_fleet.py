"""The fleet on both databases: what SQL says of a cluster is what the rules in Python say; labels, contact, versions; pages by name."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import Engine

from control_plane.domain.labels import parse_selector
from control_plane.services.clusters import cluster_label, cluster_relabel
from control_plane.store.models import AgentReport, AuditEvent, Channel, Cluster, Installation
from control_plane.store.queries import fleet
from control_plane.store.queries.fleet import FleetFilter
from control_plane.store.session import session_scope
from control_plane.web.dashboard.fleet import cluster_row

pytestmark = pytest.mark.services
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LIMITS = {"now": NOW, "silent_after": timedelta(seconds=300)}
LABELS = (
    {},
    {"region": "eu"},
    {"region": "EU"},
    {"region": "eu", "tier": "gold"},
    {"tier": "silver", "a.b/region": "eu"},
)
OUTCOMES = ("healthy", "applying", "applying", "failed", "rolled_back", "refused", "observed", "left", "uninstalled")


@pytest.fixture
def clusters(engine: Engine) -> Engine:
    """Many clusters of all sorts."""
    dice = random.Random(20261125)
    with session_scope(engine) as session:
        channels = [Channel(name=name, created_at=NOW, generation=3) for name in ("edge", "stable")]
        session.add_all(channels)
        for number in range(230):
            heard = dice.choice([None, *[timedelta(seconds=10)] * 4, timedelta(minutes=30), timedelta(days=2)])
            cluster = Cluster(
                name=f"c-{number:03}",
                channel=dice.choice(channels),
                created_at=NOW,
                created_by="user:anna",
                enrolled_at=dice.choice([None, NOW - timedelta(days=9), NOW - timedelta(seconds=20)]),
                last_contact_at=NOW - heard if heard else None,
                labels=dice.choice(LABELS),
            )
            session.add(cluster)
            for app in dice.sample(["web", "db"], dice.randrange(3)):
                cluster.installations.append(
                    Installation(
                        application=app,
                        running=dice.choice([None, "1.9.0", "1.10.0"]),
                        outcome=dice.choice(OUTCOMES),
                        generation=3,
                        since=NOW,
                    )
                )
    return engine


def everything(session, wanted: FleetFilter) -> list[Cluster]:
    """All pages."""
    found: list[Cluster] = []
    while True:
        page = fleet.clusters_matching(session, wanted, **LIMITS, after=found[-1].name if found else "")
        found += page[: fleet.CLUSTERS_SHOWN]
        if len(page) <= fleet.CLUSTERS_SHOWN:
            return found


def test_pages_go_on_by_name_and_miss_nobody(clusters: Engine) -> None:
    with session_scope(clusters) as session:
        names = [one.name for one in everything(session, FleetFilter())]
        assert len(names) == 230
        assert all(one < other for one, other in pairwise(names))


def test_states_are_the_same_in_sql_and_in_python(clusters: Engine) -> None:
    with session_scope(clusters) as session:
        rows = [cluster_row(one, now=NOW, silent_after=300) for one in everything(session, FleetFilter())]
        counts = fleet.state_counts(session, FleetFilter(), **LIMITS)
        assert len(counts) == 6
        for state, count in counts.items():
            wanted = {row.cluster.name for row in rows if row.state == state}
            assert {one.name for one in everything(session, FleetFilter(state=state))} == wanted
            assert count == len(wanted)


@pytest.mark.parametrize(
    "selector", ["region=eu", "region!=eu", "region", "!region", "region=eu,tier", "a.b/region=eu", "regio", "tier=gol"]
)
def test_labels_select_the_same_in_sql_and_in_python(clusters: Engine, selector: str) -> None:
    terms = parse_selector(selector)
    with session_scope(clusters) as session:
        wanted = {one.name for one in session.query(Cluster) if all(term.holds(one.labels) for term in terms)}
        assert {one.name for one in everything(session, FleetFilter(selector=terms))} == wanted


def test_versions_are_counted_as_the_clusters_behind_them(clusters: Engine) -> None:
    with session_scope(clusters) as session:
        counts = fleet.fleet_counts(session, FleetFilter(channel="stable"), **LIMITS)
        assert {one.application for one in counts} == {"web", "db"}
        for running in (None, "1.9.0", "1.10.0"):
            asked = FleetFilter(channel="stable", application="web", version=running or fleet.NOT_INSTALLED)
            behind = [one for one in everything(session, asked) if one.enrolled_at is not None]
            assert sum(one.count for one in counts if (one.application, one.running) == ("web", running)) == len(behind)


def test_contact_is_bounded_on_both_sides(clusters: Engine) -> None:
    hour = NOW - timedelta(hours=1)
    with session_scope(clusters) as session:
        recent = {one.name for one in everything(session, FleetFilter(heard_after=hour))}
        older = {one.name for one in everything(session, FleetFilter(heard_before=hour))}
        assert recent | older == {one.name for one in session.query(Cluster)}
        assert not recent & older
        never = {one.name for one in session.query(Cluster) if one.last_contact_at is None}
        assert never < older


def test_labels_are_set_taken_away_and_audited_once(clusters: Engine) -> None:
    with session_scope(clusters) as session:
        cluster_label(session, name="c-001", labels={"b": "2", "a": "1"}, actor="user:anna", now=NOW)
        cluster_label(session, name="c-001", labels={"a": "1", "b": "2"}, actor="user:anna", now=NOW)
        cluster_relabel(session, name="c-001", wanted={"c": "3"}, gone=["a"], actor="user:anna", now=NOW)
    with session_scope(clusters) as session:
        assert session.query(Cluster).filter_by(name="c-001").one().labels == {"b": "2", "c": "3"}
        events = [one.reason for one in session.query(AuditEvent).order_by(AuditEvent.id)]
        assert len(events) == 2
        assert events[1] == "a=1, b=2 → b=2, c=3"


def test_reports_about_a_generation_of_a_channel_come_in_their_order(clusters: Engine) -> None:
    with session_scope(clusters) as session:
        first, other = (
            session.query(Cluster).filter(Channel.name == name).join(Channel).first() for name in ("edge", "stable")
        )
        for sequence, (cluster, generation, outcome) in enumerate(
            [
                (first, 3, "applying"),
                (first, 2, "failed"),
                (other, 3, "healthy"),
                (first, 3, "observed"),
                (first, 3, "healthy"),
            ],
            1,
        ):
            session.add(
                AgentReport(
                    cluster=cluster, enrolment=1, sequence=sequence, received_at=NOW, at=NOW, generation=generation,
                    application="web", outcome=outcome, body={},
                )
            )  # fmt: skip
        session.flush()
        rows = fleet.reports_about(session, channel_id=first.channel_id, generation=3)
        assert [row.outcome for row in rows] == ["applying", "healthy"]
