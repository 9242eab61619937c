"""How a registry asks who we are, and what we may answer: challenges, token realms, scopes. PURE.

Credentials go only to the host that they are for, or to the token service that
this host names over a connection as safe as its own.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlencode, urlsplit

import msgspec

from control_plane.domain.errors import Transient
from control_plane.upstreams.credentials import Account

_PARAMETER = re.compile(r'([A-Za-z_][A-Za-z0-9_-]*)=(?:"((?:[^"\\]|\\.)*)"|([^",\s]*))')
_LOOPBACK_NAMES = ("localhost", "ip6-localhost")
CLIENT_ID = "tidegate"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_PRIVATE_NETWORKS = tuple(ipaddress.ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))


class TokenRequest(msgspec.Struct, frozen=True):
    """How a token is asked for. Prints without its headers and body, in which the secret is."""

    method: str
    url: str
    headers: dict[str, str] = {}
    content: bytes | None = None

    def __repr__(self) -> str:
        return f"TokenRequest({self.method!r}, {self.url!r}, …)"


class Challenge(msgspec.Struct, frozen=True):
    """A parsed ``WWW-Authenticate``: ``scheme`` is ``basic``, ``bearer`` or ``unknown``."""

    scheme: str
    params: dict[str, str] = {}


def parse_challenge(header: str) -> Challenge:
    """Read a ``WWW-Authenticate`` header; parameters without a value are left out."""
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() not in {"basic", "bearer"}:
        return Challenge("unknown")
    found = {
        name: re.sub(r"\\(.)", r"\1", quoted) if quoted or f'{name}=""' in rest else bare
        for name, quoted, bare in _PARAMETER.findall(rest)
    }
    return Challenge(scheme.lower(), {name: value for name, value in found.items() if value or f'{name}=""' in rest})


def host_of(netloc: str) -> str:
    """Return the host of ``host:port`` or of a bare (also IPv6) address, in lower case; nothing where it is none."""
    if netloc.count(":") > 1 and not netloc.startswith("["):
        return netloc.lower()
    try:
        return (urlsplit(f"//{netloc}").hostname or "").lower()
    except ValueError:
        return ""


def is_loopback(netloc: str) -> bool:
    """Return whether ``netloc`` is this machine: ``localhost`` (and below it) or a loopback address."""
    host = host_of(netloc)
    if host in _LOOPBACK_NAMES or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def is_internal(netloc: str) -> bool:
    """Return whether ``netloc`` is an address that no public server may send us to: loopback, private, link-local, none."""
    address = _address(host_of(netloc))
    if address is None:
        return is_loopback(netloc)
    return not address.is_global or address.is_multicast


def is_private_network(netloc: str) -> bool:
    """Return whether ``netloc`` is an IPv4 address of a private network (10/8, 172.16/12, 192.168/16)."""
    address = _address(host_of(netloc))
    return address is not None and any(address in network for network in _PRIVATE_NETWORKS)


def default_scheme(netloc: str, *, plain_inside: bool = False) -> str:
    """Return ``http`` for this machine and ``https`` for every other.

    ``plain_inside``: ``http`` for a private network's address too, as go-containerregistry has it. Ours is stricter: a password
    is not sent in the clear because an address is private.
    """
    plain = is_loopback(netloc) or (plain_inside and is_private_network(netloc))
    return "http" if plain else "https"


def is_realm_allowed(realm: str, registry: str, *, insecure: bool) -> bool:
    """Return whether a token may be asked at ``realm`` for the registry at netloc ``registry``.

    Plain HTTP only if the registry itself is read so (``insecure``); an internal address only if it is the registry's own.
    """
    try:
        parts = urlsplit(realm)
    except ValueError:
        return False
    if parts.scheme != "https" and not (insecure and parts.scheme == "http"):
        return False
    if not parts.hostname:
        return False
    return parts.netloc.lower() == registry.lower() or not is_internal(parts.netloc)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def answer_to_ping(status: int, headers: Sequence[str]) -> Challenge:
    """Return what ``GET /v2/`` asks of us: scheme ``""`` for nothing, else the first challenge that we can meet, else the first.

    ``headers`` are all ``WWW-Authenticate`` of the answer. Raises ``Transient`` for a status that no registry gives there.
    """
    if status == 200:
        return Challenge("")
    if status != 401:
        raise Transient(
            f"the registry answers HTTP {status} when asked what it wants", code="registry_refused", retry_after=300
        )
    found = [parse_challenge(header) for header in headers]
    known = next((challenge for challenge in found if challenge.scheme != "unknown"), None)
    return known or Challenge(headers[0].split(" ")[0].lower() if headers else "unknown")


def token_request(realm: str, service: str, repository: str, account: Account | None) -> TokenRequest:
    """Return the request for a token to read ``repository``.

    An identity token is a refresh token: it is exchanged by the OAuth2 grant of that name, in a body and never in a URL.
    Anybody else asks by GET, with user and password where there are any.
    """
    asked = {"service": service, "scope": repository_scope(repository)}
    asked = {name: value for name, value in asked.items() if value}
    if account is not None and account.kind == "identity":
        grant = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": account.secret, **asked}
        return TokenRequest("POST", realm, _FORM, urlencode(grant).encode())
    url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(asked)}" if asked else realm
    return TokenRequest("GET", url, {"Authorization": account.header()} if account else {})


def repository_scope(repository: str, actions: Iterable[str] = ("pull",)) -> str:
    """Return the token scope for ``actions`` on ``repository``; empty where one of the two is."""
    cleaned = _clean_actions(actions)
    return f"repository:{repository}:{','.join(cleaned)}" if repository and cleaned else ""


def clean_scopes(scopes: Iterable[str]) -> list[str]:
    """Return ``scopes`` sorted, each resource once with all its actions (``*`` is all); a resource without actions is left out."""
    others: set[str] = set()
    actions: dict[str, set[str]] = {}
    for scope in scopes:
        resource, colon, wanted = scope.rpartition(":")
        if not colon or ":" not in resource:
            others.add(scope)  # not of the form type:name:actions: none of our business
        else:
            actions.setdefault(resource, set()).update(wanted.split(","))
    merged = {
        f"{resource}:{','.join(cleaned)}" for resource, all_ in actions.items() if (cleaned := _clean_actions(all_))
    }
    return sorted(others | merged)


def _clean_actions(actions: Iterable[str]) -> list[str]:
    wanted = set(actions) - {""}
    return ["*"] if "*" in wanted else sorted(wanted)


def is_foreign_url_allowed(url: str, *, insecure: bool) -> bool:
    """Return whether a layer may be read at ``url``, outside its registry: HTTPS (HTTP if ``insecure``), never an internal address."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (insecure and parts.scheme == "http"):
        return False
    return bool(parts.hostname) and not is_internal(parts.netloc)
