"""A thin client for OCI registries: tags, digests, manifests, blobs. Read-only and polite.

The class of an error says what was learned: ``NotFound`` means that the registry itself said so; everything that
leaves the question open (down, 5xx, 429, timeout, HTML, broken JSON, denied) is ``Transient`` and marks nothing bad.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2
import msgspec

from cluster_agent.contract import sha256_hex
from control_plane.domain.errors import InvalidInput, NotFound, Transient, Untrusted
from control_plane.domain.versions import references
from control_plane.domain.versions.references import InvalidReference, Reference
from control_plane.upstreams import registry_auth
from control_plane.upstreams import registry_protocol as protocol

MAX_PAGES, PAGE_SIZE = 1_000, 1_000
MAX_REDIRECTS = 5
MAX_DOCUMENT = 4 * 1024 * 1024
MAX_BLOB = 64 * 1024 * 1024
MAX_RETRY_AFTER = 3600.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class ManifestDocument(msgspec.Struct, frozen=True):
    """A manifest or index: ``content`` is the parsed JSON of the very bytes that ``digest`` names."""

    digest: str
    media_type: str
    content: dict[str, Any]


class _Answer(msgspec.Struct, frozen=True):
    status: int
    headers: httpx2.Headers
    body: bytes
    url: str


class RegistryClient:
    """Reads any number of registries; make one and reuse it (connections, tokens and ETags are kept). Not for use after fork.

    ``mirrors`` maps a registry's host, or ``*``, to the base URL where its names are read. ``timeout`` is in seconds.
    ``docker_config`` is the file where ``docker login`` keeps passwords (default: the user's own); a mirror gets none of them.
    Tags come in pages of ``page_size``, at most ``max_pages``.
    """

    def __init__(
        self,
        *,
        mirrors: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        docker_config: Path | None = None,
        page_size: int = PAGE_SIZE,
        max_pages: int = MAX_PAGES,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._mirrors = dict(mirrors or {})
        self._credentials = registry_auth.read_docker_config(docker_config or Path.home() / ".docker" / "config.json")
        self._page_size, self._max_pages = page_size, max_pages
        self._tokens: dict[str, str] = {}
        self._pages: dict[str, tuple[str, _Answer]] = {}
        self._http = httpx2.Client(
            timeout=timeout, follow_redirects=False, headers={"User-Agent": "tidegate"}, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def tags(self, repository: str) -> list[str]:
        """Return all tags of ``docker.io/library/nginx`` in the registry's order. Raises NotFound, Transient, InvalidInput."""
        name = read_name(repository)
        url: str | None = f"{self._base(name)}/tags/list?n={self._page_size}{self._namespace(name, '&')}"
        found: list[str] = []
        for _ in range(self._max_pages):
            answer = self._page(name, url or "")
            found += _tags_of(answer)
            url = protocol.next_page(answer.url, answer.headers.get("link", ""))
            if url is None:
                return found
        raise Transient(f"{name.repository} has more than {self._max_pages} pages of tags", code="too_many_pages")

    def head(self, reference: str) -> str:
        """Return the digest of ``name:tag`` without fetching anything. Raises NotFound, Transient, Untrusted."""
        name = read_name(reference)
        asked = name.digest or name.tag or "latest"
        url = f"{self._base(name)}/manifests/{asked}{self._namespace(name)}"
        try:
            answer = self._ask(name, "HEAD", url, accept=True)
        except NotFound:  # an answer without a body: GET tells whether it is a registry that says so
            return self.manifest(reference).digest
        if not answer.headers.get("content-type"):
            raise protocol.not_a_registry(_shown(answer.url), "without a Content-Type")
        return protocol.checked_manifest_digest(asked, answer.headers.get("docker-content-digest"), None)

    def manifest(self, reference: str) -> ManifestDocument:
        """Return the manifest of ``name:tag`` or ``name@sha256:…``, its digest checked."""
        name = read_name(reference)
        asked = name.digest or name.tag or "latest"
        answer = self._ask(name, "GET", f"{self._base(name)}/manifests/{asked}{self._namespace(name)}", accept=True)
        digest = protocol.checked_manifest_digest(asked, answer.headers.get("docker-content-digest"), answer.body)
        content = protocol.read_json(answer.body, _shown(answer.url))
        if not isinstance(content, dict):
            raise protocol.not_a_registry(_shown(answer.url), "no manifest")
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        return ManifestDocument(digest, str(content.get("mediaType") or media_type), content)

    def blob(self, repository: str, digest: str, *, limit: int = MAX_BLOB) -> bytes:
        """Return a blob of at most ``limit`` bytes, its digest checked. Raises InvalidInput where it is larger."""
        name = read_name(f"{repository}@{digest}")
        url = f"{self._base(name)}/blobs/{digest}{self._namespace(name)}"
        answer = self._ask(name, "GET", url, limit=limit)
        found = f"sha256:{sha256_hex(answer.body)}"
        if found != digest:
            raise Untrusted(f"{_shown(answer.url)} has the digest {found}, not {digest}", code="digest_mismatch")
        return answer.body

    def _mirror(self, name: Reference) -> str | None:
        return self._mirrors.get(name.domain) or self._mirrors.get("*")

    def _base(self, name: Reference) -> str:
        mirror = self._mirror(name)
        if mirror:
            return f"{mirror.rstrip('/')}/v2/{name.path}"
        host = "registry-1.docker.io" if name.domain == references.DEFAULT_DOMAIN else name.domain
        return f"{registry_auth.default_scheme(host)}://{host}/v2/{name.path}"

    def _namespace(self, name: Reference, separator: str = "?") -> str:
        """A mirror is told whose name is meant, as containerd tells it."""
        return f"{separator}ns={name.domain}" if self._mirror(name) else ""

    def _page(self, name: Reference, url: str) -> _Answer:
        """Read one page of tags; an unchanged one costs the registry a 304."""
        etag, known = self._pages.get(url, ("", None))
        answer = self._ask(name, "GET", url, headers={"If-None-Match": etag} if etag else {})
        if answer.status == 304 and known is not None:
            return known
        if new := answer.headers.get("etag"):
            self._pages[url] = (new, answer)
        return answer

    def _ask(
        self,
        name: Reference,
        method: str,
        url: str,
        *,
        accept: bool = False,
        headers: Mapping[str, str] | None = None,
        limit: int = MAX_DOCUMENT,
    ) -> _Answer:
        """Ask once, and once more with a token or password where the registry wants one. Raises what the status means."""
        sent = {"Accept": ", ".join(protocol.MANIFEST_TYPES)} if accept else {}
        sent.update(headers or {})
        key = f"{urlsplit(url).netloc}/{name.path}"
        if key in self._tokens:
            sent["Authorization"] = self._tokens[key]
        answer = self._follow(method, url, sent, limit)
        if answer.status == 401:
            sent["Authorization"] = self._tokens[key] = self._authorization(name, url, answer)
            answer = self._follow(method, url, sent, limit)
        _raise_for(answer, name)
        return answer

    def _follow(self, method: str, url: str, headers: dict[str, str], limit: int) -> _Answer:
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._send(method, url, headers, limit)
            if answer.status not in _REDIRECTS:
                return answer
            with _network_errors(url):
                target = str(httpx2.URL(url).join(answer.headers.get("location", "")))
            _check_redirect(url, target)
            if urlsplit(target)[:2] != urlsplit(url)[:2]:
                headers = {key: value for key, value in headers.items() if key != "Authorization"}
            url = target
        raise Transient(f"{_shown(url)} redirects more than {MAX_REDIRECTS} times", code="redirects")

    def _send(self, method: str, url: str, headers: Mapping[str, str], limit: int) -> _Answer:
        with _network_errors(url), self._http.stream(method, url, headers=dict(headers)) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > limit:
                    raise InvalidInput(f"{_shown(url)} is larger than {limit} bytes", code="too_large")
            return _Answer(response.status_code, response.headers, bytes(body), url)

    def _authorization(self, name: Reference, url: str, refused: _Answer) -> str:
        """Return the header that the registry's challenge asks for."""
        challenge = registry_auth.parse_challenge(refused.headers.get("www-authenticate", ""))
        credentials = None if self._mirror(name) else self._credentials.get(name.domain)
        basic = httpx2.BasicAuth(*credentials) if credentials else None
        if challenge.scheme == "basic" and basic is not None:
            return _basic_header(basic)
        if challenge.scheme != "bearer":
            raise Transient(
                f"{_shown(url)} wants a password that we do not have: add it to docker's config.json", code="denied"
            )
        parts, realm = urlsplit(url), challenge.params.get("realm", "")
        if not registry_auth.is_realm_allowed(realm, parts.netloc, insecure=parts.scheme == "http"):
            raise Transient(f"{_shown(url)} sends us to {_shown(realm)!r} for a token: refused", code="token_realm")
        asked = {"service": challenge.params.get("service", ""), "scope": f"repository:{name.path}:pull"}
        query = str(httpx2.QueryParams({key: value for key, value in asked.items() if value}))
        headers = {"Authorization": _basic_header(basic)} if basic else {}
        answer = self._follow("GET", f"{realm}{'&' if '?' in realm else '?'}{query}", headers, MAX_DOCUMENT)
        return f"Bearer {_token_of(answer)}"


def read_name(text: str) -> Reference:
    """Read an image or chart reference (also with ``oci://``). Raises ``InvalidInput``."""
    try:
        return references.normalise(text.removeprefix("oci://"))
    except InvalidReference as error:
        raise InvalidInput(str(error), code="invalid_reference") from error


def _tags_of(answer: _Answer) -> list[str]:
    content = protocol.read_json(answer.body, _shown(answer.url))
    tags = content.get("tags", []) if isinstance(content, dict) else None
    if tags is None and isinstance(content, dict):
        return []  # a repository without tags: `"tags": null`
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise protocol.not_a_registry(_shown(answer.url), "no list of tags")
    return tags


def _token_of(answer: _Answer) -> str:
    if answer.status != 200:
        raise Transient(f"{_shown(answer.url)} gives no token: HTTP {answer.status}", code="denied")
    content = protocol.read_json(answer.body, _shown(answer.url))
    token = (content.get("token") or content.get("access_token")) if isinstance(content, dict) else None
    if not isinstance(token, str) or not token.isprintable():
        raise protocol.not_a_registry(_shown(answer.url), "without a token")
    return token


def _basic_header(auth: httpx2.BasicAuth) -> str:
    request = next(auth.auth_flow(httpx2.Request("GET", "https://unused.invalid")))
    return request.headers["Authorization"]


def _check_redirect(origin: str, target: str) -> None:
    """Never from HTTPS to HTTP, and never to an internal address that is not the server itself."""
    old, new = urlsplit(origin), urlsplit(target)
    if new.scheme not in {"http", "https"} or (old.scheme == "https" and new.scheme == "http"):
        raise Transient(
            f"{_shown(origin)} redirects to {_shown(target)}: refused, it is less safe", code="unsafe_redirect"
        )
    if new.hostname != old.hostname and registry_auth.is_internal(new.netloc):
        raise Transient(
            f"{_shown(origin)} redirects to the internal address {new.hostname}: refused", code="unsafe_redirect"
        )


def _raise_for(answer: _Answer, name: Reference) -> None:
    """Raise what the status means; nothing for an answer that can be used."""
    where, status = _shown(answer.url), answer.status
    codes = protocol.error_codes(answer.body)
    if "text/html" in answer.headers.get("content-type", "") and status < 500:
        raise protocol.not_a_registry(where, "HTML")
    if status in {200, 304}:
        return
    words = f"HTTP {status}{' ' + ', '.join(codes) if codes else ''}"
    if status == 404:
        if answer.body and not codes:
            protocol.read_json(answer.body, where)  # "404 page not found" is said by proxies whose registry is away
        raise NotFound(f"{name} does not exist: {where} answers {words}", code="not_in_registry")
    if status in {401, 403}:
        raise Transient(
            f"{where} lets us in no more: {words}. Is it private, or misspelt?", retry_after=300, code="denied"
        )
    if status == 429 or status >= 500 or protocol.is_temporary(codes):
        raise Transient(f"{where} answers {words}", retry_after=_retry_after(answer), code="registry_busy")
    raise Transient(f"{where} answers {words}", code="registry_refused", retry_after=300)


def _retry_after(answer: _Answer) -> float:
    """Read ``Retry-After`` (seconds or a date), at most an hour; 30 s where there is none."""
    text = answer.headers.get("retry-after", "")
    if text.strip().isdigit():
        return min(float(text), MAX_RETRY_AFTER)
    try:
        return min(max((parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds(), 0.0), MAX_RETRY_AFTER)
    except (ValueError, TypeError):
        return 30.0


@contextmanager
def _network_errors(url: str) -> Iterator[None]:
    try:
        yield
    except httpx2.TimeoutException as error:
        raise Transient(f"{_shown(url)} did not answer in time", code="registry_timeout") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Transient(f"{_shown(url)} cannot be reached: {error}", code="registry_down") from error


def _shown(url: str) -> str:
    return protocol.without_secrets(url)
