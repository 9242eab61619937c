"""How states, times and sizes are said; the board and the fleet: pure."""

from datetime import UTC, datetime, timedelta

import pytest

from control_plane.domain.promotions import GuardState, PromotionState
from control_plane.domain.releases import ReleaseState
from control_plane.domain.rollouts import RolloutState
from control_plane.store.queries.needs_you import Need
from control_plane.web.dashboard import strip, words

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "states"),
    [("release", ReleaseState), ("promotion", PromotionState), ("rollout", RolloutState), ("guard", GuardState)],
)
def test_every_state_of_every_lifecycle_has_its_words(kind, states):
    assert set(words.STATES[kind]) == {state.value for state in states}


def test_states_of_a_kind_never_differ_by_colour_alone():
    for kind, states in words.STATES.items():
        assert len({state.word for state in states.values()}) == len(states), kind
        assert all(state.icon and state.tone in words.TONES for state in states.values())


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.25, "250 ms"),
        (1, "1 s"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3725, "1 h 2 min"),
        (90000, "1 day 1 h"),
        (200000, "2 days 7 h"),
    ],
)
def test_durations(seconds, said):
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("ago", "said"),
    [(2, "just now"), (59, "59 s ago"), (60, "1 min ago"), (-7200, "in 2 h"), (86400 * 3, "3 days ago")],
)
def test_relative_times(ago, said):
    assert words.relative(NOW - timedelta(seconds=ago), NOW) == said


@pytest.mark.parametrize(("count", "said"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_234_567, "1.2 MB")])
def test_sizes(count, said):
    assert words.bytes_in_words(count) == said


def need(kind, number=1):
    return Need(kind, number, "app", "1.0", f"place-{number}", "because", NOW)


def test_what_stops_clusters_comes_first_and_every_line_has_one_action():
    lines = strip.items([need("unknown"), need("approval"), need("halted")])
    assert [line.href for line in lines] == ["/rollouts/1", "/promotions/1", "/sources#source-1"]
    assert all(line.action for line in lines)


def test_a_lost_chart_leads_to_its_release():
    (line,) = strip.items([need("lost")])
    assert (line.title, line.href) == ("The chart of app 1.0 is lost", "/applications/app/releases/1.0")


def test_many_of_a_kind_are_one_line():
    lines = strip.items([need("silent", number) for number in range(40)])
    assert [line.title for line in lines] == ["40 clusters are silent"]
