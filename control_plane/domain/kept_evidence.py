"""Evidence of rehearsals: which runs' folders may go. PURE.

It fills the disk of whoever rehearses, so it has an end; but what is behind a release in use stays, however old, for people to look at.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec


class RunTrace(msgspec.Struct, frozen=True, kw_only=True):
    """A run whose evidence is kept; ``ended_at`` is None while it goes on.

    ``is_in_use``: a channel has its release or may get it, or a cluster runs it.
    """

    ended_at: datetime | None
    is_in_use: bool


def expired(
    folders: Mapping[int, datetime], runs: Mapping[int, RunTrace], *, keep: timedelta, now: datetime
) -> list[int]:
    """Return the runs whose folder may go. ``folders`` says when each changed last; one of no known run goes by that alone."""
    return sorted(run for run, changed in folders.items() if _may_go(changed, runs.get(run), now - keep))


def _may_go(changed: datetime, run: RunTrace | None, before: datetime) -> bool:
    if run is None:
        return changed < before
    return run.ended_at is not None and run.ended_at < before and not run.is_in_use
