"""Accounts from a docker ``config.json``: ``auths``, ``credHelpers``, ``credsStore``. Also a mounted ``dockerconfigjson`` secret.

The file is read again when it changes (secrets rotate). An absent or damaged one has no accounts, and a helper that fails
has none for that host: whether a password is needed is for the registry to say. An ``identitytoken`` is a refresh token, as is
what a helper says of the user ``<token>``.
"""

import base64
import binascii
import json
import re
import subprocess
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import structlog

from control_plane.domain.accounts import HUB, Kind, Scope, scope_of, usual_host
from control_plane.domain.errors import InvalidInput
from control_plane.upstreams.credentials import Account, Entry, checked_secret
from control_plane.upstreams.programs import own_environment

HUB_KEY = "https://index.docker.io/v1/"
ORIGIN = "docker config"
TOKEN_NAME = "<token>"  # noqa: S105 – the user name by which helpers say that the secret is an identity token
HELPER_SECONDS = 10.0
KEPT_SECONDS = 300.0  # a helper's answer: starting a program for each look would be dear
_HELPER = re.compile(r"[A-Za-z0-9_.-]+")
_log = structlog.get_logger(__name__)


class DockerConfig:
    """The file as an origin of accounts. May be used by many threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._listed: list[Entry] = []
        self._store = ""
        self._helped: dict[tuple[str, str], tuple[float, Account | None]] = {}
        self._reading, self._asking = Lock(), Lock()

    def entries(self, host: str) -> Sequence[Entry]:
        """See ``Origin``. A host's helper comes before what is stored for it; the store for all is asked last, where there is no helper."""
        with self._reading:
            self._read()
            listed, store = self._listed, self._store
        found = [entry for entry in listed if host in {"", entry.scope.host}]
        has_helper = any(entry.scope == Scope(host) and entry.origin != ORIGIN for entry in found)
        return [*found, self._helper_entry(store, Scope(host))] if store and host and not has_helper else found

    def _read(self) -> None:
        try:
            state = self._path.stat()
            if self._stamp != (stamp := (state.st_mtime_ns, state.st_size)):
                self._list(read_config(self._path.read_bytes()))
                self._stamp = stamp
        except OSError:
            self._stamp = None
            self._list({})

    def _list(self, content: dict[str, Any]) -> None:
        helpers = {key: _text(name) for key, name in _mapping(content, "credHelpers").items()}
        self._listed = [self._helper_entry(name, scope_of(_key(key))) for key, name in helpers.items() if name]
        self._listed += stored_entries(content)
        self._store, self._helped = _text(content.get("credsStore")), {}

    def _helper_entry(self, helper: str, scope: Scope) -> Entry:
        read = partial(self._ask, helper, HUB_KEY if scope.host == HUB else scope.place)
        return Entry(scope=scope, origin=f"credential helper {helper}", read=read)

    def _ask(self, helper: str, server: str) -> Account | None:
        with self._asking:  # asked once, however many wait for the answer
            known = self._helped.get((helper, server))
            if known is None or known[0] < time.monotonic():
                known = time.monotonic() + KEPT_SECONDS, ask_helper(helper, server)
                self._helped[helper, server] = known
            return known[1]


def read_config(body: bytes) -> dict[str, Any]:
    """Return a config's object; what is none has nothing in it."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def ask_helper(helper: str, server: str) -> Account | None:
    """Run ``docker-credential-HELPER get``. None where it knows no account or fails; what it prints is never shown."""
    if not _HELPER.fullmatch(helper):
        return None
    try:
        done = subprocess.run(
            [f"docker-credential-{helper}", "get"],
            input=server.encode(),
            env=own_environment(),
            capture_output=True,
            timeout=HELPER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        _log.warning("credential helper failed", helper=helper, server=server, error=type(error).__name__)
        return None
    answer = read_config(done.stdout) if done.returncode == 0 else {}
    user, secret = _text(answer.get("Username")), _text(answer.get("Secret"))
    return _usable(user, secret, "identity" if user == TOKEN_NAME else "password")


def stored_entries(content: dict[str, Any]) -> list[Entry]:
    """Return the accounts in ``auths``; what is damaged there is none."""
    read = {_key(key): _account(entry) for key, entry in _mapping(content, "auths").items()}
    return [_stored_entry(scope_of(key), account) for key, account in read.items() if account]


def _stored_entry(scope: Scope, account: Account) -> Entry:
    return Entry(scope=scope, origin=ORIGIN, read=lambda: account, user=account.user, kind=account.kind)


def _key(key: str) -> str:
    """``https://index.docker.io/v1/`` is docker.io; of other URLs the host counts, of bare names the path too."""
    name = key.partition("://")[2].partition("/")[0] if "://" in key else key.strip("/")
    host, slash, path = name.partition("/")
    return f"{usual_host(host)}{slash}{path}"


def _account(entry: Any) -> Account | None:
    if not isinstance(entry, dict):
        return None
    user, password = _text(entry.get("username")), _text(entry.get("password"))
    if encoded := _text(entry.get("auth")):
        try:
            user, _, password = base64.b64decode(encoded).decode().rstrip("\0").partition(":")
        except (binascii.Error, ValueError):
            return None
    if identity := _text(entry.get("identitytoken")):
        return _usable(user, identity, "identity")
    return _usable(user, password, "password")


def _usable(user: str, secret: str, kind: Kind) -> Account | None:
    """Return the account, None where it is none: a damaged one is as good as absent."""
    try:
        return (
            Account(user, checked_secret(secret, kind, "it"), kind) if secret and (user or kind == "identity") else None
        )
    except InvalidInput:
        return None


def _mapping(content: dict[str, Any], name: str) -> dict[str, Any]:
    value = content.get(name)
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
