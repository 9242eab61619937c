"""A rollout over time: the last point is how it is now, every point counts every cluster once."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from control_plane.domain.timelines import MOST_POINTS, Point, Seen, timeline

START = datetime(2026, 11, 25, 12, tzinfo=UTC)
OUTCOMES = ("applying", "healthy", "failed", "rolled_back", "refused")
SEEN = st.lists(
    st.builds(
        Seen,
        at=st.integers(-5, 3000).map(lambda seconds: START + timedelta(seconds=seconds)),
        cluster_id=st.integers(1, 5),
        application=st.sampled_from(["web", "db", "another"]),
        outcome=st.sampled_from(OUTCOMES),
    ),
    max_size=200,
)
WANTED = frozenset({"web", "db"})
UNTIL = START + timedelta(seconds=3600)


def seen(minute, cluster, application, outcome):
    return Seen(START + timedelta(minutes=minute), cluster, application, outcome)


@given(SEEN)
def test_every_point_counts_every_cluster_once_and_time_goes_on(reports):
    points = timeline(reports, clusters=5, wanted=WANTED, started_at=START, until=UNTIL)
    assert all(one.healthy + one.applying + one.trouble + one.waiting == 5 for one in points)
    assert [one.at for one in points] == sorted(one.at for one in points)
    assert (points[0].at, points[-1].at) == (START, UNTIL)
    assert len(points) <= MOST_POINTS


@given(SEEN)
def test_the_end_is_what_was_reported_last(reports):
    points = timeline(reports, clusters=5, wanted=WANTED, started_at=START, until=UNTIL)
    last: dict[int, dict[str, str]] = {}
    for one in sorted(reports, key=lambda one: one.at):
        if one.application in WANTED:
            last.setdefault(one.cluster_id, {})[one.application] = one.outcome
    trouble = sum(
        any(outcome in ("failed", "rolled_back", "refused") for outcome in one.values()) for one in last.values()
    )
    healthy = sum(one == dict.fromkeys(WANTED, "healthy") for one in last.values())
    assert (points[-1].trouble, points[-1].healthy) == (trouble, healthy)


def test_a_rollout_that_halts():
    points = timeline(
        [
            seen(1, 1, "web", "applying"),
            seen(2, 1, "web", "healthy"),
            seen(3, 1, "db", "healthy"),
            seen(4, 2, "web", "rolled_back"),
            seen(5, 2, "web", "observed"),
        ],
        clusters=3,
        wanted=WANTED,
        started_at=START,
        until=START + timedelta(minutes=10),
    )
    at = [(one.at - START).total_seconds() / 60 for one in points]
    assert at == [0, 1, 2, 3, 4, 5, 10]
    assert points[0] == Point(START, 0, 0, 0, 3)
    assert [(one.healthy, one.applying, one.trouble) for one in points[1:5]] == [
        (0, 1, 0),
        (0, 0, 0),
        (1, 0, 0),
        (1, 0, 1),
    ]
