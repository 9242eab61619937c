"""The table of accounts as an origin of accounts. Read every few seconds, so that one that is added or removed counts soon everywhere."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from threading import Lock

import msgspec

from control_plane.domain.accounts import Scope
from control_plane.store import accounts
from control_plane.store.account_models import Account as StoredAccount
from control_plane.store.session import SessionScope, read_scope
from control_plane.upstreams.credentials import Account, Entry

ORIGIN = "stored"
FRESH_SECONDS = 5.0


class StoredAccounts:
    """See ``credentials.Origin``. ``key_file`` has the keys that open the secrets, each at its first use. May be used by many threads."""

    def __init__(
        self, key_file: Path, *, scope: SessionScope = read_scope, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._key_file, self._scope, self._clock = key_file, scope, clock
        self._by_host: dict[str, list[Entry]] = {}
        self._opened: dict[str, Account] = {}
        self._until = 0.0
        self._lock = Lock()

    def entries(self, host: str) -> Sequence[Entry]:
        """See ``Origin``. Raises ``Transient`` where the database does not answer."""
        with self._lock:
            if self._clock() >= self._until:
                self._read()
            return self._by_host.get(host, ())

    def forget(self) -> None:
        """Read the table anew at the next look: it was changed here."""
        with self._lock:
            self._until = 0.0

    def _read(self) -> None:
        with self._scope() as session:
            rows = accounts.all_accounts(session)
            entries = [self._entry(row) for row in rows]
        sealed = {row.sealed for row in rows}
        self._opened = {text: account for text, account in self._opened.items() if text in sealed}
        self._by_host = {"": entries}
        for entry in entries:
            self._by_host.setdefault(entry.scope.host, []).append(entry)
        self._until = self._clock() + FRESH_SECONDS

    def _entry(self, row: StoredAccount) -> Entry:
        kind, text, key_id = row.kind, row.sealed, row.key_id
        read = partial(self._open, scope_of(row), kind, row.username, text, key_id)
        return Entry(scope=scope_of(row), origin=ORIGIN, read=read, user=row.username, kind=kind)  # type: ignore[arg-type]

    def _open(self, scope: Scope, kind: str, username: str, text: str, key_id: str) -> Account:
        """Return the account. Raises ``Untrusted`` or ``InvalidInput``: its key is not here, or somebody changed the row."""
        from control_plane.upstreams.sealed import Sealed, read_keys

        with self._lock:
            known = self._opened.get(text)
        if known is None:
            secret = read_keys(self._key_file).open(Sealed(text, key_id), about(scope, kind, username))
            known = Account(username, secret, kind)  # type: ignore[arg-type]
            with self._lock:
                self._opened[text] = known
        return known


class AcceptedHosts:
    """The host keys that people accepted, as lines of known_hosts."""

    def __init__(self, *, scope: SessionScope = read_scope) -> None:
        self._scope = scope

    def __call__(self) -> str:
        """Return them as they are now: SSH is slow, a query more is not."""
        with self._scope() as session:
            return "".join(f"{row.line}\n" for row in accounts.host_keys(session))


def scope_of(row: StoredAccount) -> Scope:
    """Return where a stored account is for."""
    return Scope(row.host, row.path, row.application)


def about(scope: Scope, kind: str, username: str) -> str:
    """Return what a secret is bound to when it is sealed: all that says where and as whom it is shown."""
    return msgspec.json.encode((scope.host, scope.path, scope.application, kind, username)).decode()
