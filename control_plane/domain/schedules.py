"""When a source is looked at: every so many seconds, or by cron in a time zone. PURE; runs that were missed do not pile up.

An interval is the longest time between two looks, so that a new tag is seen within it: the next look is due a little earlier, counted
from the *beginning* of the last one. What is spared (``SLACK_SECONDS``) is for the worker that has to come by; what the jitter takes
(``JITTER`` of the interval) keeps many sources from walking in step. The first look after a start, or after a time without any worker,
spreads its source over the whole interval: those that were due together are never due together again.

A source that several applications name is looked at when the first of them is due.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim

from control_plane.domain.retries import failed_look

SLACK_SECONDS = 3.0
JITTER = 0.05
CRON_JITTER_SECONDS = 10.0
LEAST_PAUSE_SECONDS = 1.0


class Schedule(msgspec.Struct, frozen=True):
    """``cron`` is five fields, read in ``zone`` (an IANA name); empty: at most ``poll_seconds`` between two looks."""

    poll_seconds: float = 60.0
    cron: str = ""
    zone: str = "UTC"


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A look that ended at ``ended``: when it was ``due`` (None: its source was never looked at), when it ``began``.

    ``failures``: how many looks in a row found nothing out, this one included.
    """

    due: datetime | None
    began: datetime
    ended: datetime
    failures: int = 0


def next_due(schedules: Sequence[Schedule], look: Look, *, jitter: float) -> datetime:
    """Return when to look again, later than ``look`` ended. ``jitter`` is from 0 to 1; ``schedules`` has at least one.

    A failure to find out makes it later (``retries.failed_look``), whatever the schedule says.
    """
    if look.failures:
        return failed_look(look.ended, failures=look.failures, jitter=jitter)
    due = [_next_cron(one, look.ended, jitter) for one in schedules if one.cron]
    if polls := [one.poll_seconds for one in schedules if not one.cron]:
        due.append(_next_poll(min(polls), look, jitter))
    return max(min(due), look.ended + timedelta(seconds=LEAST_PAUSE_SECONDS))


def _next_poll(interval: float, look: Look, jitter: float) -> datetime:
    longest = interval - min(SLACK_SECONDS, interval / 10)
    is_late = look.due is None or look.began - look.due > timedelta(seconds=interval)
    seconds = longest * (1 - jitter) if is_late else longest - interval * JITTER * jitter
    return look.began + timedelta(seconds=seconds)


def _next_cron(schedule: Schedule, now: datetime, jitter: float) -> datetime:
    """Return the next time of the cron text, right over changes of the clock (CronSim follows Debian's cron).

    In the hour that an autumn night has twice, CronSim's first answer may be a time of the first pass: over already.
    """
    times = CronSim(schedule.cron, now.astimezone(ZoneInfo(schedule.zone)))
    coming = next(local for local in times if local.astimezone(UTC) > now)
    return coming.astimezone(UTC) + timedelta(seconds=CRON_JITTER_SECONDS * jitter)
