"""What the sweeper sends again, and what it holds back: a message that is on its way needs no second one each second."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from control_plane.store.nudges import Nudge

SHORT = timedelta(seconds=2)
LONG = timedelta(seconds=20)  # a release may wait long for its rehearsal: its message is somewhere behind others


class Recent:
    """Remembers in this process what was sent. Losing it costs a message that does nothing."""

    def __init__(self) -> None:
        self.until: dict[Nudge, datetime] = {}

    def fresh(self, found: Iterable[Nudge], now: datetime) -> list[Nudge]:
        """Return what was not sent lately, and remember it as sent."""
        self.until = {nudge: until for nudge, until in self.until.items() if now < until}
        fresh = [nudge for nudge in found if nudge not in self.until]
        self.until |= {nudge: now + (LONG if nudge.work == "release_rehearse" else SHORT) for nudge in fresh}
        return fresh
