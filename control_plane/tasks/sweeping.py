"""What the sweeper sends again, and what it holds back: a message that is on its way needs no second one each second."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from control_plane.store.nudges import Nudge


class Recent:
    """Remembers in this process what was sent. Losing it costs a message that does nothing."""

    def __init__(self, hold_seconds: float) -> None:
        self.hold = timedelta(seconds=hold_seconds)
        self.sent: dict[Nudge, datetime] = {}

    def fresh(self, found: Iterable[Nudge], now: datetime) -> list[Nudge]:
        """Return what was not sent lately, and remember it as sent."""
        self.sent = {nudge: at for nudge, at in self.sent.items() if now - at < self.hold}
        fresh = [nudge for nudge in found if nudge not in self.sent]
        self.sent |= dict.fromkeys(fresh, now)
        return fresh
