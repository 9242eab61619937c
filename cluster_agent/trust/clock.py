"""Words about time: what expired when, and whose clock is wrong. Pure."""

from datetime import datetime, timedelta

NOTABLE_SKEW = timedelta(minutes=5)


def skew(now: datetime, server: datetime | None) -> timedelta | None:
    """Return how far this machine's clock is ahead of the server's, None if within 5 minutes or unknown."""
    if server is None or abs(now - server) <= NOTABLE_SKEW:
        return None
    return now - server


def expiry_message(file: str, expires: datetime, now: datetime, server: datetime | None) -> str:
    """Say that ``file`` expired, with both times, and whether the clock or the publisher needs attention."""
    text = f"{file} expired at {_utc(expires)}"
    if clocks := two_clocks(now, skew(now, server)):
        return text + clocks
    return (
        f"{text} and this machine's clock says {_utc(now)}: the publisher has not renewed it. "
        "What runs goes on running, nothing new is taken; see `tidegate doctor`"
    )


def two_clocks(now: datetime, ahead: timedelta | None) -> str:
    """Return a clause that names both clocks and what to do, as the end of a sentence; empty where they agree (see ``skew``)."""
    if ahead is None:
        return ""
    direction = "ahead of" if ahead > timedelta(0) else "behind"
    return (
        f" and this machine's clock says {_utc(now)}, {_words(abs(ahead))} {direction} "
        f"the server's clock ({_utc(now - ahead)}): set the one that is wrong (NTP) first"
    )


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _words(length: timedelta) -> str:
    minutes = round(length.total_seconds() / 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
