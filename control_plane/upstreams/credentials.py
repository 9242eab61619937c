"""Accounts for the servers that are read: where they come from, how they are found, and that no message ever holds their secret.

Which one is used where is decided in ``domain.accounts``. Callers show an account to its own host alone: never to a mirror, nor to
a server that a redirect or an index names.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Literal, Protocol
from urllib.parse import quote, quote_plus

import msgspec

from control_plane.domain.accounts import FITS, Kind, Scope, Use, in_order, owner, usual_host, verdicts
from control_plane.domain.errors import InvalidInput, Transient
from control_plane.upstreams.unspoken import Unspoken

TOKEN_USER = "token"  # noqa: S105 – what takes a token as a password does not look at the user's name
_URL_SAFE = str.maketrans("+/", "-_")
Scheme = Literal["basic", "bearer"]


class Account(msgspec.Struct, frozen=True):
    """Who we are for a server. ``scope`` and ``origin`` say where it was found. Prints without its secret."""

    user: str
    secret: str
    kind: Kind = "password"
    scope: Scope = Scope("")
    origin: str = ""

    def __repr__(self) -> str:
        return f"Account(user={self.user!r}, kind={self.kind!r}, origin={self.origin!r}, secret=…)"

    __str__ = __repr__

    def header(self, scheme: Scheme = "basic") -> str:
        """Return what ``Authorization`` says. ``scheme``: how the server wants a token that has no user; a password is always basic."""
        if self.kind == "token" and scheme == "bearer":
            return f"Bearer {self.secret}"
        return f"Basic {_base64(f'{self.user or TOKEN_USER}:{self.secret}')}"

    def spellings(self) -> tuple[str, ...]:
        """Return the secret in every way in which a server might repeat it."""
        lines = self.secret.splitlines() if self.kind == "ssh-key" else [self.secret]
        users = {self.user, TOKEN_USER, ""}
        plain = [self.secret, *(f"{user}:{self.secret}" for user in users)]
        encoded = [*map(_base64, plain), *(_base64(one).translate(_URL_SAFE) for one in plain)]
        in_url = (quote(self.secret, safe=""), quote(self.secret), quote_plus(self.secret))
        in_text = (escape(self.secret), json.dumps(self.secret)[1:-1], repr(self.secret)[1:-1])
        return (*lines, *encoded, *(one.rstrip("=") for one in encoded), *in_url, *in_text)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An account as its origin lists it: all but the secret, which ``read`` gets, fresh each time. ``kind`` is empty until it is read."""

    scope: Scope
    origin: str
    read: Callable[[], Account | None]
    user: str = ""
    kind: Kind | Literal[""] = ""


class Origin(Protocol):
    """Something that has accounts: a file, docker's config, the table."""

    def entries(self, host: str) -> Sequence[Entry]:
        """Return the accounts for a host (by its usual name); all that can be listed where ``host`` is empty. May be called often."""


Note = Callable[[Account, str], None]
"""Hears of each use of an account: an empty text where it was let in, else why it was refused."""


class Fixed:
    """An origin that does not change."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._all = tuple(entries)

    def entries(self, host: str) -> Sequence[Entry]:
        """See ``Origin``."""
        return [entry for entry in self._all if host in {"", entry.scope.host}]


class Accounts:
    """Finds accounts in ``origins``, whose order counts among equals. May be used by many threads.

    ``unspoken`` remembers the secret of each that was found.
    """

    def __init__(
        self, *origins: Origin, note: Note = lambda _account, _refused: None, unspoken: Unspoken | None = None
    ) -> None:
        self.origins = origins
        self.note = note
        self.unspoken = unspoken or Unspoken()

    def find(self, host: str, path: str = "", application: str = "", *, use: Use = "registry") -> Account | None:
        """Return the account for ``host`` and ``path``, or None: nobody is asked for a password that is not needed.

        Raises what reading it raises: one that should be used and cannot be read is never silently replaced by another.
        """
        for entry in in_order(self.entries(host), usual_host(host), path, application):
            if (account := _read(entry, use)) is not None:
                self.unspoken.add(account)
                return account
        return None

    def owner(self, host: str, path: str, application: str, *, use: Use = "registry") -> str:
        """Return ``application`` where an account of its own serves there, else nothing: such a place is looked at apart."""
        fitting = [entry for entry in self.entries(host) if not entry.kind or entry.kind in FITS[use]]
        return owner(fitting, usual_host(host), path, application)

    def granted(self) -> "Accounts":
        """Return those that were given to an application by name.

        Only they are used for what a stranger's file names (an index, a chart's dependencies): whoever writes such a file must not
        make us read with everybody's account what only we may see.
        """
        return Accounts(*map(_Granted, self.origins), note=self.note, unspoken=self.unspoken)

    def has_own(self, application: str) -> bool:
        """Say whether any account was given to this application by name."""
        return any(entry.scope.application == application for entry in self.entries()) if application else False

    def entries(self, host: str = "") -> list[Entry]:
        """Return every account for a host, or all that can be listed, in the order of their origins."""
        host = usual_host(host)
        return [entry for origin in self.origins for entry in origin.entries(host)]

    def explain(self, host: str, path: str, application: str, *, use: Use) -> list[tuple[Entry, str]]:
        """Return each account of a host with why it is used there or not, those that serve there first."""
        host = usual_host(host)
        entries = [entry for entry in self.entries(host) if not entry.kind or entry.kind in FITS[use]]
        ordered = in_order(entries, host, path, application)
        used = next((entry for entry in ordered if _read(entry, use) is not None), None)
        shown = [*ordered, *(entry for entry in entries if entry not in ordered)]
        return list(zip(shown, verdicts(shown, used, host, path, application), strict=True))


class _Granted:
    """Of another origin, those that were given to an application by name."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin

    def entries(self, host: str) -> Sequence[Entry]:
        """See ``Origin``."""
        return [entry for entry in self._origin.entries(host) if entry.scope.application]


NOBODY = Accounts()


def _read(entry: Entry, use: Use) -> Account | None:
    if entry.kind and entry.kind not in FITS[use]:
        return None
    account = entry.read()
    if account is None or account.kind not in FITS[use]:
        return None
    return msgspec.structs.replace(account, scope=entry.scope, origin=entry.origin)


def checked_secret(secret: str, kind: Kind, where: str) -> str:
    """Return a secret that can be sent, without the space around it. Raises ``InvalidInput``, which names ``where`` and no secret."""
    if kind == "ssh-key":
        return secret.strip() + "\n"  # ssh reads no key whose last line has no end
    secret = secret.strip()
    if not secret:
        raise InvalidInput(f"{where} is empty", code="secret")
    if not secret.isprintable() or (kind != "password" and not secret.isascii()):
        raise InvalidInput(f"{where} has characters that no {kind} has: is it the right file?", code="secret")
    return secret


@contextmanager
def named_by_strangers(what: str) -> Iterator[None]:
    """Say of what is not public that only the application's own account is used for it (see ``Accounts.granted``)."""
    try:
        yield
    except Transient as error:
        if error.code != "denied":
            raise
        words = f"{what} is not public, and for what others name only an account of the application's own is used"
        hint = "`tidegate account add PLACE --app APPLICATION`"
        raise Transient(f"{words} ({hint}): {error.message}", retry_after=error.retry_after, code="denied") from error


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()
