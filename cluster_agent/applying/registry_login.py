"""Logins for registries, as a docker ``config.json`` has them. An account is shown to the host that it is for, and to nobody else.

| who asks                                                                     | is shown the account        |
|------------------------------------------------------------------------------|-----------------------------|
| the host itself, over https or on this machine                               | yes                         |
| a token server that the host's own challenge names, over https               | yes                         |
| a mirror                                                                     | only one for its own host   |
| a server that a redirect led to; any over http; a token server over http     | no: asked without a login   |

A file is read anew for each login, so a mounted secret that changes is used at once. An identity token (Azure) is a refresh token: it is
exchanged by OAuth2's grant of that name, in a body. Nothing here writes to the log.
"""

import base64
import re
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from cluster_agent.errors import Unreachable

HUB = "docker.io"
_HUB_NAMES = frozenset({HUB, "index.docker.io", "registry-1.docker.io"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class Account(msgspec.Struct, frozen=True):
    """User and password (or token); ``is_identity``: the password is an identity token. Prints without the password."""

    user: str
    password: str
    is_identity: bool = False

    def __repr__(self) -> str:
        return f"Account(user={self.user!r}, password=…)"

    __str__ = __repr__

    def basic(self) -> str:
        """Return the value of an ``Authorization`` header."""
        return f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}"


class _Entry(msgspec.Struct, frozen=True):
    auth: str = ""
    username: str = ""
    password: str = ""
    identitytoken: str = ""


class _DockerConfig(msgspec.Struct, frozen=True):
    auths: dict[str, _Entry] = {}


class Logins:
    """Accounts by host and, where the config says so, by path: of a ``file``, or of a ``config`` that was handed over. Neither: none."""

    def __init__(self, file: Path | None = None, *, config: bytes = b"") -> None:
        self._file, self._config = file, config

    def account(self, host: str, path: str) -> Account | None:
        """Return the account for ``host`` (with its port) and a repository; the longest path wins. Raises ``Unreachable``."""
        name = f"{_usual(host)}/{path}/"
        found = [(where, account) for where, account in self.all() if name.startswith(f"{where}/")]
        return max(found, key=lambda one: len(one[0]), default=("", None))[1]

    def all(self) -> list[tuple[str, Account]]:
        """Return every account with its host, or host and path. Raises ``Unreachable``."""
        where = self._file or "handed over"
        try:
            content = self._file.read_bytes() if self._file else self._config
            config = msgspec.json.decode(content, type=_DockerConfig) if content else _DockerConfig()
            found = ((_place(key), _account_of(entry)) for key, entry in config.auths.items())
            return [(place, account) for place, account in found if account]
        except OSError as error:
            raise _no_login(f"registry credentials {where} cannot be read: {error.strerror}") from None
        except ValueError:  # also msgspec's and base64's; their words could quote a secret
            words = f'registry credentials {where} are no docker config: {{"auths": {{"HOST": {{"auth": "…"}}}}}}'
            raise _no_login(words) from None


def authorization(http: httpx2.Client, challenge: httpx2.Response, asked: httpx2.URL, ref: str, logins: Logins) -> str:
    """Return the ``Authorization`` header that ``challenge`` (a 401 to ``asked``) wants. Raises ``Unreachable`` without a way."""
    header = challenge.headers.get("WWW-Authenticate", "")
    account = _account_to_show(challenge.url, asked, logins)
    if header.lower().startswith("basic"):
        if account is None:
            raise _no_login(f"registry of {ref} asks for a login, and there is no account for {asked.netloc.decode()}")
        if account.is_identity:
            raise _no_login(f"registry of {ref} asks for a password, and there is an identity token for it")
        return account.basic()
    given = dict(_PARAMETER.findall(header))
    realm = given.pop("realm", "")
    if not realm.startswith(("https://", "http://")):
        raise _no_login(f"registry of {ref} asks for a login that needs credentials")
    return f"Bearer {_token(http, httpx2.URL(realm), given, asked, account, ref)}"


def _account_to_show(answered: httpx2.URL, asked: httpx2.URL, logins: Logins) -> Account | None:
    same = (answered.scheme, answered.netloc) == (asked.scheme, asked.netloc)
    if not same or not (asked.scheme == "https" or asked.host in _LOOPBACK):
        return None
    repository = re.sub(r"/(manifests|blobs)/[^/]*$", "", asked.path.partition("/v2/")[2])
    return logins.account(asked.netloc.decode(), repository)


def _token(
    http: httpx2.Client,
    realm: httpx2.URL,
    given: dict[str, str],
    asked: httpx2.URL,
    account: Account | None,
    ref: str,
) -> str:
    """Ask ``realm`` for a token with what the challenge ``given``: service and scope."""
    safe = realm.scheme == "https" or (realm.host == asked.host and realm.host in _LOOPBACK)
    account = account if safe else None
    if account and account.is_identity:
        grant = {"grant_type": "refresh_token", "client_id": "tidegate", "refresh_token": account.password, **given}
        answer = http.post(realm, data=grant, follow_redirects=False)
    else:
        headers = {"Authorization": account.basic()} if account else {}
        answer = http.get(realm.copy_merge_params(given), headers=headers, follow_redirects=False)
    try:
        token: Any = msgspec.json.decode(answer.content)
        return str(token.get("token") or token["access_token"])
    except (msgspec.DecodeError, KeyError, AttributeError):
        who = f" to the account {account.user or '(identity token)'}" if account else ""
        raise _no_login(f"registry of {ref} gave no token{who}: HTTP {answer.status_code}") from None


def _account_of(entry: _Entry) -> Account | None:
    user, password = entry.username, entry.password
    if entry.auth:
        user, _, password = base64.b64decode(entry.auth, validate=True).decode().partition(":")
    if entry.identitytoken:
        return Account(user, entry.identitytoken, is_identity=True)
    return Account(user, password) if user and password else None


def _place(key: str) -> str:
    """Return host and path of a key as docker and Kubernetes write them: ``https://index.docker.io/v1/`` is Docker Hub."""
    host, _, path = re.sub(r"^https?://", "", key).partition("/")
    path = re.sub(r"^v[12](/|$)", "", path).strip("/")
    return f"{_usual(host)}/{path}".rstrip("/")


def _usual(host: str) -> str:
    host = host.lower().removesuffix(":443")
    return HUB if host in _HUB_NAMES else host


def _no_login(words: str) -> Unreachable:
    return Unreachable(words, code="registry_login")
