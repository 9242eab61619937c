"""When to try again, and when somebody who was given work is lost. All times are arguments.

A failure to find out never counts against what was looked at: only the time of the next try grows.
"""

from datetime import datetime, timedelta

LOOK_BACKOFF_SECONDS = 5.0
LOOK_BACKOFF_CAP_SECONDS = 600.0
REHEARSAL_BACKOFF_SECONDS = 5.0
REHEARSAL_BACKOFF_CAP_SECONDS = 300.0


def backoff(failures: int, *, base: float, cap: float, jitter: float = 0.0) -> timedelta:
    """Return the pause after ``failures`` (≥ 1) failures in a row: doubling from ``base``, at most ``cap`` seconds.

    ``jitter`` from 0 to 1 adds up to a quarter, so that many who failed together do not come back together.
    """
    seconds = min(cap, base * 2.0 ** min(max(failures, 1) - 1, 30))
    return timedelta(seconds=seconds * (1 + jitter / 4))


def failed_look(now: datetime, *, failures: int, jitter: float) -> datetime:
    """Return when to look again after ``failures`` (≥ 1) looks in a row that found nothing out: later the more there were."""
    return now + backoff(failures, base=LOOK_BACKOFF_SECONDS, cap=LOOK_BACKOFF_CAP_SECONDS, jitter=jitter)


def next_rehearsal(now: datetime, *, attempts: int, limit: int) -> datetime | None:
    """Return when an errored release is rehearsed again; None: ``limit`` attempts are used up, a person decides."""
    if attempts >= limit:
        return None
    return now + backoff(attempts, base=REHEARSAL_BACKOFF_SECONDS, cap=REHEARSAL_BACKOFF_CAP_SECONDS)


def is_free(lease_until: datetime | None, now: datetime) -> bool:
    """Say whether nobody holds the lease: there is none, or whoever had it did not renew it in time."""
    return lease_until is None or lease_until <= now
