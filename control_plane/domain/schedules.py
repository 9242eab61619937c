"""When a source is looked at: every so many seconds with jitter, or by cron in a time zone. PURE; runs that were missed do not pile up.

A source that several applications name is looked at when the first of them is due. A failure to find out only makes the
next look later (``retries.next_look``).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim

from control_plane.domain.retries import next_look


class Schedule(msgspec.Struct, frozen=True):
    """``cron`` is five fields, read in ``zone`` (an IANA name); empty: every ``poll_seconds``."""

    poll_seconds: float = 60.0
    cron: str = ""
    zone: str = "UTC"


def next_due(schedules: Sequence[Schedule], now: datetime, *, failures: int, jitter: float) -> datetime:
    """Return the next look after one that ended now. ``jitter`` is from 0 to 1; ``schedules`` has at least one.

    The jitter adds up to a tenth of an interval, and up to ten seconds to a cron time, so that many do not come at once.
    """
    polls = [one.poll_seconds for one in schedules if not one.cron]
    due = [_next_cron(one, now, jitter) for one in schedules if one.cron]
    if polls or failures:
        due.append(next_look(now, poll_seconds=min(polls, default=0.0), failures=failures, jitter=jitter))
    return min(due)


def _next_cron(schedule: Schedule, now: datetime, jitter: float) -> datetime:
    """Return the next time of the cron text, right over changes of the clock (CronSim follows Debian's cron)."""
    local = next(CronSim(schedule.cron, now.astimezone(ZoneInfo(schedule.zone))))
    return local.astimezone(UTC) + timedelta(seconds=10 * jitter)
