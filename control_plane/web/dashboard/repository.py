"""The state of the signed files, for pages: read from disk at most every few seconds, because every page shows its warnings."""

from datetime import datetime, timedelta
from threading import Lock

from control_plane.domain.errors import TidegateError
from control_plane.publishing.state import RepositoryState
from control_plane.services.outside import repository_of
from control_plane.settings import get_settings

FRESH_FOR = timedelta(seconds=10)

_lock = Lock()
_seen: tuple[datetime, RepositoryState | None] | None = None


def state(now: datetime) -> RepositoryState | None:
    """Return the repository's state, at most ``FRESH_FOR`` old; None where it cannot be read."""
    global _seen
    with _lock:
        if _seen is None or not timedelta(0) <= now - _seen[0] < FRESH_FOR:
            _seen = (now, _read(now))
        return _seen[1]


def warnings(now: datetime) -> tuple[str, ...]:
    """Return what people should do about keys, expiries and damaged files."""
    found = state(now)
    return found.warnings if found else ()


def _read(now: datetime) -> RepositoryState | None:
    try:
        return repository_of(get_settings()).state(now)
    except (OSError, TidegateError):
        return None
