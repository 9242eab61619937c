"""Accounts from a docker ``config.json``: ``auths``, ``credHelpers``, ``credsStore``. Also a mounted ``dockerconfigjson`` secret.

The file is read again when it changes (secrets rotate). An absent or damaged one has no accounts, and a helper that fails
has none for that host: whether a password is needed is for the registry to say.
"""

import base64
import binascii
import json
import re
import subprocess
import time
from pathlib import Path
from threading import Lock
from typing import Any

import structlog

from control_plane.upstreams.credentials import HUB, Account, usual_host

HUB_KEY = "https://index.docker.io/v1/"
HELPER_SECONDS = 10.0
KEPT_SECONDS = 300.0  # a helper's answer: starting a program for each look would be dear
_HELPER = re.compile(r"[A-Za-z0-9_.-]+")
_log = structlog.get_logger(__name__)


class DockerConfig:
    """Finds accounts in one file. May be used by many threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._content: dict[str, Any] = {}
        self._helped: dict[tuple[str, str], tuple[float, Account | None]] = {}
        self._lock = Lock()

    def find(self, host: str, path: str = "", application: str = "") -> Account | None:
        """Return the account of the longest key that ``host/path`` is below: helpers of the host first, as docker does."""
        del application
        with self._lock:
            content = self._read()
            if helper := _text(_mapping(content, "credHelpers").get(host)):
                return self._ask(helper, host)
            if account := _stored(_mapping(content, "auths"), host, path):
                return account
            if store := _text(content.get("credsStore")):
                return self._ask(store, host)
        return None

    def _read(self) -> dict[str, Any]:
        try:
            state = self._path.stat()
            if self._stamp != (stamp := (state.st_mtime_ns, state.st_size)):
                content = read_config(self._path.read_bytes())
                self._stamp, self._content, self._helped = stamp, content, {}
        except OSError:
            self._stamp, self._content = None, {}
        return self._content

    def _ask(self, helper: str, host: str) -> Account | None:
        known = self._helped.get((helper, host))
        if known is None or known[0] < time.monotonic():
            known = time.monotonic() + KEPT_SECONDS, ask_helper(helper, HUB_KEY if host == HUB else host)
            self._helped[helper, host] = known
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
            capture_output=True,
            timeout=HELPER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        _log.warning("credential helper failed", helper=helper, server=server, error=type(error).__name__)
        return None
    answer = read_config(done.stdout) if done.returncode == 0 else {}
    user, secret = _text(answer.get("Username")), _text(answer.get("Secret"))
    return Account(user, secret) if user and secret else None


def stored_accounts(content: dict[str, Any]) -> dict[str, Account]:
    """Return every account in ``auths``, by ``host`` or ``host/path``."""
    found = {_key(key): _account(entry) for key, entry in _mapping(content, "auths").items()}
    return {key: account for key, account in found.items() if account}


def _stored(auths: dict[str, Any], host: str, path: str) -> Account | None:
    place = f"{host}/{path}"
    keys = [key for key in auths if place == _key(key) or place.startswith(f"{_key(key)}/")]
    for key in sorted(keys, key=lambda one: len(_key(one)), reverse=True):
        if account := _account(auths[key]):
            return account
    return None


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
    return Account(user, password) if user and password else None


def _mapping(content: dict[str, Any], name: str) -> dict[str, Any]:
    value = content.get(name)
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
