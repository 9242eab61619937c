"""What the distribution specification says about answers: next pages, error bodies, digests, platforms. PURE."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import msgspec

from cluster_agent.contract import sha256_hex
from control_plane.domain.errors import TidegateError, Transient, Untrusted

MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
TEMPORARY_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
TEMPORARY_CODES = frozenset({"TOOMANYREQUESTS", "UNAVAILABLE", "UNKNOWN", "BLOB_UPLOAD_INVALID"})
KNOWN_CODES = frozenset(
    {
        "BLOB_UNKNOWN",
        "BLOB_UPLOAD_INVALID",
        "BLOB_UPLOAD_UNKNOWN",
        "DENIED",
        "DIGEST_INVALID",
        "MANIFEST_BLOB_UNKNOWN",
        "MANIFEST_INVALID",
        "MANIFEST_UNKNOWN",
        "NAME_INVALID",
        "NAME_UNKNOWN",
        "SIZE_INVALID",
        "TOOMANYREQUESTS",
        "UNAUTHORIZED",
        "UNSUPPORTED",
    }
)
_LINKS = re.compile(r",\s*+(?=<)")
_LINK = re.compile(r"<([^<>\s]++)>(.*)", re.DOTALL)
_RELATION = re.compile(r';\s*+rel\s*+=\s*+"?+([^";,]*+)', re.IGNORECASE)
_STRANGE = re.compile(r"[\x00-\x20\x7f\\]|%(?![0-9A-Fa-f]{2})")  # what a URL cannot have
_PORTS = {"http": 80, "https": 443}
_DIGEST = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}")
# What a registry's own questions are made of. Anything else may be a secret: each storage has its own names for a signature.
_TOLD_PARAMETERS = frozenset({"n", "last", "ns", "scope", "service", "artifacttype", "page", "per_page"})


def next_page(request_url: str, link: str) -> str | None:
    """Return the URL of the next page that ``link`` (a ``Link`` header, RFC 8288) names, or None where there is none.

    A link that does not say what it leads to is the next page. Raises ``Transient`` for a header that cannot be read, and for a
    page at another origin: a registry does not send us elsewhere.
    """
    for written in _LINKS.split(link.strip()) if link.strip() else []:
        match = _LINK.match(written)
        if match is None or _STRANGE.search(match[1]):
            raise not_a_registry(
                without_secrets(request_url), f"with a Link header that cannot be read, {link[:120]!r}"
            )
        relation = _RELATION.search(match[2])
        if relation is None or "next" in relation[1].lower().split():
            return _page(request_url, match[1])
    return None


def _page(request_url: str, address: str) -> str:
    try:
        url: str = urljoin(request_url, address)
        is_elsewhere = _origin(url) != _origin(request_url)
    except ValueError:  # such as the address "["
        raise not_a_registry(
            without_secrets(request_url), f"with a next page that is no URL, {address[:120]!r}"
        ) from None
    if is_elsewhere:
        raise Transient(f"the registry's next page is on another server: {without_secrets(url)}", code="next_page")
    return url


def _origin(url: str) -> tuple[str, str | None, int | None, str | None]:
    """Return scheme, host, port and user: the same origin has the same of each. Raises ``ValueError``."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme), parts.username


def error_codes(body: bytes) -> list[str]:
    """Return the codes of an error body (``NAME_UNKNOWN`` …), none where it is no such body."""
    try:
        errors = json.loads(body).get("errors") or []
        return [str(error["code"]) for error in errors if isinstance(error, dict) and "code" in error]
    except (ValueError, AttributeError, TypeError, RecursionError):
        return []


def is_temporary(codes: list[str], status: int = 0) -> bool:
    """Return whether every code says "later"; where there is no code, whether the status does."""
    return all(code in TEMPORARY_CODES for code in codes) if codes else status in TEMPORARY_STATUSES


def checked_manifest_digest(asked: str, header: str | None, body: bytes | None) -> str:
    """Return the digest of a manifest: of its bytes where we have them, else what the registry says, else what was asked for.

    ``asked`` is a tag or a digest; ``header`` is ``Docker-Content-Digest``; ``body`` is None for HEAD. Where a digest was asked for,
    header and bytes must both agree; a tag's header is overruled by the bytes. Raises ``Untrusted``, or ``Transient`` where nobody
    says a digest, or the header is none.
    """
    if header and not _DIGEST.fullmatch(header):
        raise Transient(f"the registry answers {header[:80]!r} as a digest, which is none", code="registry_answer")
    wanted = asked if asked.startswith("sha256:") else None
    found = f"sha256:{sha256_hex(body)}" if body is not None else header or wanted
    if not found:
        raise Transient("the registry names no digest (no Docker-Content-Digest header)", code="registry_answer")
    for told in (found, header):
        if wanted is not None and told and told != wanted:
            raise Untrusted(f"the registry answered {told} when asked for {wanted}", code="digest_mismatch")
    return found


def without_secrets(url: str) -> str:
    """Return ``url`` without user, password and fragment, and with what parameters say replaced, fit for a message."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(no URL)"
    query = [(key, value if key.lower() in _TOLD_PARAMETERS else "REDACTED") for key, value in parse_qsl(parts.query)]
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=urlencode(query), fragment=""))


def read_json(body: bytes, where: str) -> Any:
    """Read a registry's JSON. Raises ``Transient``: what is no JSON says nothing about tags."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise not_a_registry(where, "something that is no JSON") from None


def not_a_registry(where: str, what: str) -> TidegateError:
    """Return the error for an answer that no registry gives."""
    return Transient(f"{where} answers {what}: is this a registry?", code="not_a_registry", retry_after=300)


def is_retryable(status: int) -> bool:
    """Return whether the same request may well succeed a little later."""
    return status in {408, 429} or status >= 500


class RetryPlan(msgspec.Struct, frozen=True, kw_only=True):
    """When a request is sent again: after ``base · factor^attempt`` seconds, more or less ``jitter`` of it. Times are seconds.

    A server's own ``Retry-After`` is kept up to ``longest_asked``, with up to ``jitter`` on top; never is less than
    ``shortest`` waited, nor more than ``longest`` where the server asks for nothing.
    """

    retries: int = 5
    base: float = 0.25
    factor: float = 2.0
    jitter: float = 0.1
    shortest: float = 0.2
    longest: float = 10.0
    longest_asked: float = 60.0

    def backoff(self, attempt: int) -> float:
        """Return the wait after the failure number ``attempt`` (the first is 0), before jitter and limits."""
        return self.base * self.factor**attempt

    def wait(self, attempt: int, *, again: bool, share: float, asked: float | None = None) -> float | None:
        """Return how long to wait before the next request, or None for no further one.

        ``again``: the failure is one that may pass. ``share`` is a random number from 0 to 1. ``asked`` is ``Retry-After``.
        """
        if not again or attempt >= self.retries:
            return None
        if asked is not None and asked > 0:
            asked = min(asked, self.longest_asked)
            return min(max(asked * (1 + self.jitter * share), self.shortest), self.longest_asked)
        wait = self.backoff(attempt) * (1 + self.jitter * (2 * share - 1))
        return min(max(wait, self.shortest), self.longest)
