"""Which account is used where: the application's own, else the one of the longest path, else the host's. PURE.

Two accounts on one host are told apart by path (``ghcr.io/acme`` and ``ghcr.io/other``) or by application. An account is
for its host alone: callers never show it to a mirror or to a server that a redirect names.
"""

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import msgspec

HUB = "docker.io"
_HUB_NAMES = frozenset({"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})


class Account(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """User and password (or token). Prints without the password."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Account(user={self.user!r}, password=…)"

    __str__ = __repr__


Find = Callable[[str, str, str], Account | None]
"""Finds an account by host (``ghcr.io``, with its port), path (``acme/job``) and application (or empty)."""


class Rule(msgspec.Struct, frozen=True):
    """Where an account is for: a host, and perhaps a path below it and one application. ``read`` gets it, fresh each time."""

    host: str
    read: Callable[[], Account | None]
    path: str = ""
    application: str = ""

    def serves(self, host: str, path: str, application: str) -> bool:
        """Return whether it may be used there. A path is matched by whole parts: ``acme`` is not ``acme-labs``."""
        is_below = not self.path or path == self.path or path.startswith(f"{self.path}/")
        return self.host == host and is_below and self.application in {"", application}


class Accounts:
    """Finds accounts: by ``rules``, then by each of ``further`` (a docker config, a table) in its order."""

    def __init__(self, rules: Sequence[Rule] = (), further: Sequence[Find] = ()) -> None:
        self._rules = sorted(rules, key=lambda rule: (rule.application == "", -len(rule.path)))
        self._further = tuple(further)

    def find(self, host: str, path: str = "", application: str = "") -> Account | None:
        """Return the account for ``host`` and ``path``, or None: nobody is asked for a password that is not needed."""
        host = usual_host(host)
        for rule in self._rules:
            if rule.serves(host, path, application) and (account := rule.read()):
                return account
        return next((account for find in self._further if (account := find(host, path, application))), None)

    def owner(self, host: str, path: str, application: str) -> str:
        """Return ``application`` where an account of its own serves there, else nothing: such a place is looked at apart."""
        host = usual_host(host)
        has_own = any(rule.application and rule.serves(host, path, application) for rule in self._rules)
        return application if has_own else ""

    def login(self, url: str) -> tuple[str, str] | None:
        """Return user and password for a URL (what ``web_client`` asks), None where there is none."""
        parts = urlsplit(url)
        account = self.find(parts.netloc.rpartition("@")[2], parts.path.strip("/"))
        return (account.user, account.password) if account else None


NOBODY = Accounts()


def usual_host(host: str) -> str:
    """Return a host by the name that references use: Docker Hub has many."""
    host = host.lower()
    return HUB if host in _HUB_NAMES else host
