"""When a source is looked at again: within its interval, spread, by cron in any zone, and never for what was missed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.domain.schedules import LEAST_PAUSE_SECONDS, SLACK_SECONDS, Look, Schedule, next_due

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SHARES = st.floats(0, 1)
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
CRONS = st.sampled_from(["* * * * *", "*/15 * * * *", "30 2 * * *", "0 0 * * 0", "5,35 1-3 * * *", "0 12 29 2 *"])


def after(seconds: float, *, due: datetime | None = NOW, failures: int = 0) -> Look:
    """A look that was due and began now, and took so many seconds."""
    return Look(due=due, began=NOW, ended=NOW + timedelta(seconds=seconds), failures=failures)


def seconds_until(schedules: list[Schedule], look: Look, jitter: float = 0.0) -> float:
    return (next_due(schedules, look, jitter=jitter) - NOW).total_seconds()


def test_the_next_look_is_due_within_the_interval_from_the_beginning_of_the_last() -> None:
    assert [seconds_until([Schedule(60.0)], after(0.1), jitter) for jitter in (0.0, 1.0)] == [57.0, 54.0]
    assert seconds_until([Schedule(60.0)], after(20.0)) == 57.0
    assert seconds_until([Schedule(60.0)], after(300.0)) == 301.0
    assert seconds_until([Schedule(600.0), Schedule(60.0)], after(0.1)) == 57.0
    assert seconds_until([Schedule(5.0)], after(0.1)) == 4.5


@given(SHARES, st.floats(5, 86_400), st.floats(0, 1))
def test_no_tag_waits_longer_than_the_interval(jitter: float, interval: float, share: float) -> None:
    look = after(interval * share / 2)
    longest = seconds_until([Schedule(interval)], look, jitter)
    slack = min(SLACK_SECONDS, interval / 10)
    assert interval * 0.85 - 0.001 <= longest <= interval - slack + 0.001


@pytest.mark.parametrize("due", [None, NOW - timedelta(seconds=61)])
def test_first_looks_and_late_ones_are_spread_over_the_interval(due: datetime | None) -> None:
    spread = [seconds_until([Schedule(60.0)], after(0.1, due=due), number / 10) for number in range(11)]
    assert spread == pytest.approx([57.0, 51.3, 45.6, 39.9, 34.2, 28.5, 22.8, 17.1, 11.4, 5.7, 1.1])


def test_failures_only_make_it_later() -> None:
    for schedule in (Schedule(1.0), Schedule(cron="* * * * *")):
        assert seconds_until([schedule], after(0.0, failures=3)) == 20.0
        assert seconds_until([schedule], after(0.0, failures=99)) == 600.0


def test_missed_runs_are_one_look() -> None:
    days = after(3 * 86_400)
    assert seconds_until([Schedule(cron="0 * * * *")], days) == 3 * 86_400 + 3_600
    late = after(0.1, due=NOW - timedelta(days=3))
    assert 0 < seconds_until([Schedule(60.0)], late) <= 57.0


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)


@pytest.mark.parametrize(
    ("cron", "ended", "times"),
    [
        # the night of 29 March has no 02:30: it is 03:00 summer time
        ("30 2 * * *", "2026-03-28T12:00", ["2026-03-29T01:00Z", "2026-03-30T00:30Z"]),
        # the night of 25 October has it twice: once is enough
        ("30 2 * * *", "2026-10-24T12:00", ["2026-10-25T00:30Z", "2026-10-26T01:30Z"]),
        # what is due every half hour goes on through both
        ("*/30 * * * *", "2026-10-25T01:59", ["2026-10-25T00:00Z", "2026-10-25T00:30Z", "2026-10-25T01:00Z"]),
        ("*/30 * * * *", "2026-03-29T01:31", ["2026-03-29T01:00Z", "2026-03-29T01:30Z", "2026-03-29T02:00Z"]),
    ],
)
def test_cron_over_changes_of_the_clock(cron: str, ended: str, times: list[str]) -> None:
    now, found = berlin(ended), []
    for _ in times:
        now = next_due([Schedule(cron=cron, zone="Europe/Berlin")], Look(due=now, began=now, ended=now), jitter=0.0)
        found.append(now)
    assert found == [datetime.fromisoformat(text) for text in times]


def test_in_the_second_pass_of_an_hour_the_first_is_over() -> None:
    now = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10 in Berlin for the second time
    due = next_due([Schedule(cron="30 2 * * *", zone="Europe/Berlin")], Look(due=now, began=now, ended=now), jitter=0.0)
    assert due == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


@given(CRONS, ZONES, MOMENTS, SHARES)
def test_a_cron_look_is_always_later_and_at_one_of_its_times(
    cron: str, zone: str, now: datetime, jitter: float
) -> None:
    due = next_due([Schedule(cron=cron, zone=zone)], Look(due=now, began=now, ended=now), jitter=jitter)
    assert due >= now + timedelta(seconds=LEAST_PAUSE_SECONDS)
    assert due - now <= timedelta(days=4 * 366)


@given(st.lists(st.builds(Schedule, st.floats(1, 1e6), st.just(""), ZONES), min_size=1), SHARES, st.integers(0, 50))
def test_the_clock_never_stands_still(schedules: list[Schedule], jitter: float, failures: int) -> None:
    look = after(1.0, failures=failures)
    assert next_due(schedules, look, jitter=jitter) >= look.ended + timedelta(seconds=LEAST_PAUSE_SECONDS)
