"""How a registry asks who we are, and what we may answer: challenges, token realms, scopes. PURE.

Credentials go only to the host that they are for, or to the token service that
this host names over a connection as safe as its own.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable, Sequence
from urllib.parse import SplitResult, urlencode, urlsplit

import msgspec

from control_plane.domain.errors import Transient
from control_plane.upstreams.credentials import Account

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_SCHEME = re.compile(rf"\s*+({_WORD})?+")
_QUOTED = r'"(?:[^"\\]|\\.)*+"'
_PARAMETER = re.compile(rf'\s*+({_WORD})\s*+=\s*+({_QUOTED}|[^\s",]++)', re.DOTALL)
_COMMA = re.compile(r"(?:\s*+,)++")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_STRANGE = re.compile(r"[\x00-\x20\x7f\\]|%(?![0-9A-Fa-f]{2})")  # what a URL cannot have; some clients drop it unseen
_LOOPBACK_NAMES = ("localhost", "ip6-localhost")
CLIENT_ID = "tidegate"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


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
    """Read a ``WWW-Authenticate`` header (RFC 9110) as far as it can be read; names of parameters are in lower case."""
    written = _SCHEME.match(header)
    scheme = (written[1] or "").lower() if written else ""
    if written is None or scheme not in {"basic", "bearer"}:
        return Challenge("unknown")
    params, after = {}, written.end()
    while found := _PARAMETER.match(header, after):
        params[found[1].lower()] = _value(found[2])
        comma = _COMMA.match(header, found.end())
        if comma is None:
            break
        after = comma.end()
    return Challenge(scheme, params)


def _value(written: str) -> str:
    return _ESCAPED.sub(r"\1", written[1:-1]) if written.startswith('"') else written


def challenge_of(headers: Sequence[str]) -> Challenge:
    """Return the first challenge of an answer's ``WWW-Authenticate`` headers that we can meet, else the first (in lower case)."""
    found = [parse_challenge(header) for header in headers]
    known = next((challenge for challenge in found if challenge.scheme != "unknown"), None)
    return known or Challenge(headers[0].split(" ")[0].lower() if headers else "unknown")


def host_of(netloc: str) -> str:
    """Return the host of ``user:password@host:port`` or of a bare (also IPv6) address, in lower case; nothing where it is none."""
    netloc = netloc.rpartition("@")[2]
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


def default_scheme(netloc: str) -> str:
    """Return ``http`` for this machine and ``https`` for every other.

    A private network's address is no exception: a password is not sent in the clear because of where it goes.
    """
    return "http" if is_loopback(netloc) else "https"


def is_realm_allowed(realm: str, registry: str, *, insecure: bool) -> bool:
    """Return whether a token may be asked at ``realm`` for the registry at netloc ``registry``.

    Plain HTTP only if the registry itself is read so (``insecure``); an internal address only if it is the registry's own.
    """
    parts = _address_of(realm, insecure=insecure)
    return parts is not None and (parts.netloc.lower() == registry.lower() or not is_internal(parts.netloc))


def is_foreign_url_allowed(url: str, *, insecure: bool) -> bool:
    """Return whether a layer may be read at ``url``, outside its registry: HTTPS (HTTP if ``insecure``), never an internal address."""
    parts = _address_of(url, insecure=insecure)
    return parts is not None and not is_internal(parts.netloc)


def _address_of(url: str, *, insecure: bool) -> SplitResult | None:
    """Return the parts of a URL that a server names; None where it is none, or is read in the clear where that is not allowed."""
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    is_safe = parts.scheme == "https" or (insecure and parts.scheme == "http")
    return parts if is_whole and is_safe and not _STRANGE.search(url) else None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that connecting to ``host`` would go to: also ``127.1``, ``2130706433``, and IPv4 within IPv6."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return _legacy_address(host)
    return (address.ipv4_mapped or address) if address.version == 6 else address


def _legacy_address(host: str) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))  # looks nothing up: the reading that connecting uses
    except (OSError, UnicodeEncodeError):
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
    return challenge_of(headers)


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
