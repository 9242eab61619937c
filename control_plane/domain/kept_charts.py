"""Charts that the control plane keeps (they are in no OCI registry): which must be there, and which may go. PURE.

A chart is needed while a release that names it may be rehearsed, published or gone back to. What nobody needs stays for a while: a
person may ask again, and a cluster may be late.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from control_plane.domain.releases import ReleaseState

GRACE = timedelta(days=7)
UNNAMED_GRACE = timedelta(
    days=30
)  # named by no release at all: perhaps by one of a database that is yet to be restored
MAY_RUN = frozenset(
    {
        ReleaseState.DISCOVERED,
        ReleaseState.QUEUED,
        ReleaseState.TESTING,
        ReleaseState.ERRORED,
        ReleaseState.VERIFIED,
    }
)


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """A release that names a kept chart.

    ``since``: its last change, its application's removal, or its last promotion's end, whichever was last. ``is_in_use``: a channel has
    it or may get it, or a cluster runs it. ``is_newest``: of its application. ``is_removed``: its application is.
    """

    state: ReleaseState
    since: datetime
    is_in_use: bool = False
    is_newest: bool = False
    is_removed: bool = False


def is_needed(holder: Holder) -> bool:
    """Say whether the chart of a release must be there. Of failed releases people rehearse the newest again."""
    if holder.is_in_use or holder.is_removed:
        return holder.is_in_use
    return holder.state in MAY_RUN or (holder.state == ReleaseState.FAILED and holder.is_newest)


def unneeded(kept: Mapping[str, datetime], holders: Mapping[str, Sequence[Holder]], now: datetime) -> list[str]:
    """Return the digests that may go; ``kept`` says since when each is kept, ``holders`` which releases name it."""
    return [digest for digest, since in kept.items() if _may_go(since, holders.get(digest, ()), now)]


def _may_go(kept_since: datetime, holders: Iterable[Holder], now: datetime) -> bool:
    found = list(holders)
    if any(is_needed(holder) for holder in found):
        return False
    grace = GRACE if found else UNNAMED_GRACE
    return now - max([kept_since, *(holder.since for holder in found)]) > grace
