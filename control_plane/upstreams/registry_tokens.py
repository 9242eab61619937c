"""Tokens are kept for their life, one per server, repository and account; when many threads want one it is asked for once."""

from collections.abc import Callable
from threading import Lock

import msgspec

from control_plane.upstreams.credentials import Account

SPARE = 0.1  # the part of a token's life at whose end it is not used any more: it must not expire on its way
MANY = 10_000


class TokenKey(msgspec.Struct, frozen=True):
    """What a token is good for."""

    server: str
    path: str
    account: Account | None


class Lent(msgspec.Struct, frozen=True):
    """An ``Authorization`` header and how many seconds it is good for. Prints without it."""

    header: str
    seconds: float = 3600.0

    def __repr__(self) -> str:
        return f"Lent(…, seconds={self.seconds})"


class Tokens:
    """May be used by many threads. ``clock`` is in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: dict[TokenKey, tuple[str, float]] = {}
        self._asking: dict[TokenKey, Lock] = {}
        self._lock = Lock()

    def known(self, key: TokenKey) -> str:
        """Return the header that is good now, or nothing."""
        header, until = self._kept.get(key, ("", 0.0))
        return header if self._clock() < until else ""

    def renewed(self, key: TokenKey, refused: str, ask: Callable[[], Lent]) -> str:
        """Return another header than ``refused``: what another thread got meanwhile, else what ``ask`` gets."""
        with self._lock:
            self._tidy()
            asking = self._asking.setdefault(key, Lock())
        with asking:
            header = self.known(key)
            if not header or header == refused:
                lent = ask()
                header = lent.header
                self._kept[key] = header, self._clock() + lent.seconds * (1 - SPARE)
        return header

    def _tidy(self) -> None:
        """Forget what has expired, once there are many: repositories come and go."""
        if len(self._kept) > MANY:
            now = self._clock()
            self._kept = {key: kept for key, kept in self._kept.items() if kept[1] > now}
            self._asking = {key: lock for key, lock in self._asking.items() if key in self._kept or lock.locked()}
