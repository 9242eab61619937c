"""How accounts are used: noted in memory at each request, written down at most once a minute, a change of fortune within a second.

Written by a thread of its own: whoever makes a request never waits for the database, and may hold a transaction.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import structlog

from control_plane.domain.accounts import Scope
from control_plane.domain.errors import TidegateError
from control_plane.store import accounts
from control_plane.store.session import SessionScope, session_scope
from control_plane.upstreams.credentials import Account

USUAL_SECONDS = 60.0
SOON_SECONDS = 1.0
log = structlog.get_logger(__name__)


class Which(msgspec.Struct, frozen=True):
    """An account, wherever it comes from."""

    origin: str
    scope: Scope
    user: str


class Use(msgspec.Struct, frozen=True):
    """When it was last let in and last refused, and why."""

    used_at: datetime | None = None
    refused_at: datetime | None = None
    refusal: str = ""


class Uses:
    """Hears of each use (``credentials.Note``). May be used by many threads."""

    def __init__(
        self, *, scope: SessionScope = session_scope, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._scope, self._clock = scope, clock
        self._pending: dict[Which, Use] = {}
        self._was_refused: dict[Which, bool] = {}
        self._timer: tuple[threading.Timer, float] | None = None
        self._lock = threading.Lock()

    def __call__(self, account: Account, refused: str) -> None:
        """Note a use: an empty text where it was let in, else why it was refused."""
        which = Which(account.origin, account.scope, account.user)
        now = self._clock()
        with self._lock:
            before = self._pending.get(which, Use())
            use = Use(before.used_at, now, refused) if refused else Use(now, before.refused_at, before.refusal)
            self._pending[which] = use
            is_news = self._was_refused.get(which) is not bool(refused)
            self._was_refused[which] = bool(refused)
            self._schedule(SOON_SECONDS if is_news else USUAL_SECONDS)

    def write(self) -> None:
        """Write down what was noted. What cannot be written now is tried again with the next."""
        with self._lock:
            pending, self._pending, self._timer = self._pending, {}, None
        try:
            with self._scope() as session:
                for which, use in sorted(
                    pending.items(), key=_place
                ):  # in one order everywhere: nobody waits in a circle
                    row = accounts.use_of(session, which.origin, which.scope, which.user)
                    row.used_at = use.used_at or row.used_at
                    if use.refused_at:
                        row.refused_at, row.refusal = use.refused_at, use.refusal
        except TidegateError as error:
            log.warning("the use of accounts could not be written down", error=error.message)
            with self._lock:
                self._pending = pending | self._pending

    def _schedule(self, seconds: float) -> None:
        if self._timer is not None:
            timer, planned = self._timer
            if planned <= seconds:
                return
            timer.cancel()
        timer = threading.Timer(seconds, self.write)
        timer.daemon, timer.name = True, "account-uses"
        timer.start()
        self._timer = timer, seconds


def _place(item: tuple[Which, Use]) -> tuple[str, ...]:
    which = item[0]
    return which.origin, which.scope.host, which.scope.path, which.scope.application, which.user
