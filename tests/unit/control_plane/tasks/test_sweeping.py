"""The sweeper repeats itself neither too often nor too seldom."""

from datetime import UTC, datetime, timedelta

from control_plane.store.nudges import Nudge
from control_plane.tasks.sweeping import LONG, SHORT, Recent

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOOK, REHEARSE = Nudge("source_look", 1), Nudge("release_rehearse", 1)


def test_what_was_sent_is_held_back_for_a_while() -> None:
    recent = Recent()
    assert recent.fresh([LOOK, REHEARSE], NOW) == [LOOK, REHEARSE]
    assert recent.fresh([LOOK, REHEARSE], NOW + timedelta(seconds=1)) == []
    assert recent.fresh([LOOK, REHEARSE], NOW + SHORT) == [LOOK]
    assert recent.fresh([LOOK, REHEARSE], NOW + LONG) == [LOOK, REHEARSE]


def test_another_row_is_not_held_back() -> None:
    recent = Recent()
    recent.fresh([LOOK], NOW)
    assert recent.fresh([Nudge("source_look", 2)], NOW) == [Nudge("source_look", 2)]
