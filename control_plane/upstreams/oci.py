"""A thin client for OCI registries: tags, digests, manifests, blobs. Read-only and polite.

The class of an error says what was learned: ``NotFound`` means that the registry itself said so; everything that
leaves the question open (down, 5xx, 429, timeout, HTML, broken JSON, denied) is ``Transient`` and marks nothing bad.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2
import msgspec

from cluster_agent.contract import sha256_hex
from control_plane.domain.errors import InvalidInput, NotFound, Transient, Untrusted
from control_plane.domain.versions import platforms, references
from control_plane.domain.versions.references import InvalidReference, Reference
from control_plane.upstreams import registry_auth, tag_memo, validators
from control_plane.upstreams import registry_protocol as protocol
from control_plane.upstreams.credentials import Account, Accounts
from control_plane.upstreams.docker_config import DockerConfig
from control_plane.upstreams.http import PoliteClient, retry_after
from control_plane.upstreams.registry_auth import TokenRequest
from control_plane.upstreams.registry_tokens import Lent, TokenKey, Tokens

MAX_PAGES, PAGE_SIZE = 1_000, 1_000
MAX_REDIRECTS = 5
MAX_DOCUMENT = 4 * 1024 * 1024
MAX_BLOB = 64 * 1024 * 1024
TOKEN_SECONDS = 60.0  # what the specification says of a token that names no life
MAX_CONFIG = 1024 * 1024
CREATED = "org.opencontainers.image.created"
ADD_ACCOUNT = "`tidegate account add` takes one, and `tidegate account explain` says which is used"
_IMAGE_CONFIGS = frozenset(
    {"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"}
)
_ACCEPT = ", ".join(protocol.MANIFEST_TYPES)
_TOLD_BY_HEAD = ("content-type", "content-length", "docker-content-digest")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class ManifestDocument(msgspec.Struct, frozen=True):
    """A manifest or index: ``content`` is the parsed JSON of the very bytes that ``digest`` names."""

    digest: str
    media_type: str
    content: dict[str, Any]


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an artifact without its layers. ``platforms`` is None for what is no image; ``created_at`` is the publisher's word.

    ``annotations`` are those of the manifest or index, over a single image's labels.
    """

    digest: str
    media_type: str
    platforms: tuple[str, ...] | None = None
    annotations: dict[str, str] = {}
    created_at: datetime | None = None
    is_index: bool = False


class Referrer(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact that names another as its subject: a signature, a bill of materials, an attestation."""

    digest: str
    media_type: str = ""
    artifact_type: str = ""
    annotations: dict[str, str] = {}


class _Answer(msgspec.Struct, frozen=True):
    status: int
    headers: httpx2.Headers
    body: bytes
    url: str


class RegistryClient:
    """Reads any number of registries; make one and reuse it (connections and tokens are kept). Not for use after fork.

    ``mirrors`` maps a registry's host, or ``*``, to the base URL where its names are read; a mirror is shown no account.
    ``accounts`` finds them; ``docker_config`` is the file where they are looked for without it (default: the user's own).
    ``http`` is the client shared with other sources (default: one of its own, with ``timeout`` in seconds).
    Tags come in pages of ``page_size``, at most ``max_pages``. ``application``: whose account is used, where it has its own.
    """

    def __init__(
        self,
        *,
        mirrors: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        accounts: Accounts | None = None,
        docker_config: Path | None = None,
        page_size: int = PAGE_SIZE,
        max_pages: int = MAX_PAGES,
        http: httpx2.Client | None = None,
        transport: httpx2.BaseTransport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._mirrors = dict(mirrors or {})
        own = docker_config or Path.home() / ".docker" / "config.json"
        self._accounts = accounts or Accounts(DockerConfig(own))
        self._page_size, self._max_pages = page_size, max_pages
        self._http = http or PoliteClient(timeout=timeout, transport=transport)
        self._tokens, self._clock = Tokens(clock), clock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def host(self, repository: str) -> str:
        """Return the host (``host:port``) that is asked for a repository: its registry, or the mirror."""
        return urlsplit(self._base(read_name(repository))).netloc

    def tags(self, repository: str, *, application: str = "") -> list[str]:
        """Return all tags of ``docker.io/library/nginx`` in the registry's order. Raises NotFound, Transient, InvalidInput."""
        return [tag for page in self._pages(read_name(repository), application, []) for tag in page.names or ()]

    def tags_since(
        self, repository: str, memo: Mapping[str, str], *, application: str = ""
    ) -> tuple[list[str] | None, dict[str, str]]:
        """Return all tags and the memo for the next time, or None and ``memo`` where neither changed.

        Unchanged tags cost a request per page: answered 304 where the registry has ETags or dates, compared by hash where not.
        """
        name, now = read_name(repository), self._clock()
        first = self._first_page(name)
        pages = list(self._pages(name, application, tag_memo.known_pages(memo, first, now)))
        if any(page.names is None for page in pages):
            if all(page.names is None for page in pages):
                return None, dict(memo)
            pages = list(self._pages(name, application, []))
        names = [tag for page in pages for tag in page.names or ()]
        made = tag_memo.make(pages, names, now)
        return (None if made == memo else names), made

    def head(self, reference: str, *, application: str = "") -> str:
        """Return the digest of ``name:tag`` without fetching anything. Raises NotFound, Transient, Untrusted."""
        name = read_name(reference)
        asked = name.digest or name.tag or "latest"
        url = f"{self._base(name)}/manifests/{asked}{self._namespace(name)}"
        try:
            answer = self._ask(name, "HEAD", url, application=application, accept=True)
        except NotFound:  # an answer without a body: GET tells whether it is a registry that says so
            return self.manifest(reference, application=application).digest
        told = answer.headers.get("docker-content-digest", "")
        if not all(answer.headers.get(name) for name in _TOLD_BY_HEAD) or not told.startswith("sha256:"):
            return self.manifest(reference, application=application).digest  # nor is it a registry's, then GET says so
        return protocol.checked_manifest_digest(asked, told, None)

    def manifest(self, reference: str, *, application: str = "") -> ManifestDocument:
        """Return the manifest of ``name:tag`` or ``name@sha256:…``, its digest checked."""
        name = read_name(reference)
        asked = name.digest or name.tag or "latest"
        url = f"{self._base(name)}/manifests/{asked}{self._namespace(name)}"
        answer = self._ask(name, "GET", url, application=application, accept=True)
        digest = protocol.checked_manifest_digest(asked, answer.headers.get("docker-content-digest"), answer.body)
        content = protocol.read_json(answer.body, _shown(answer.url))
        if not isinstance(content, dict):
            raise protocol.not_a_registry(_shown(answer.url), "no manifest")
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        return ManifestDocument(digest, str(content.get("mediaType") or media_type), content)

    def blob(self, repository: str, digest: str, *, limit: int = MAX_BLOB, application: str = "") -> bytes:
        """Return a blob of at most ``limit`` bytes, its digest checked. Raises InvalidInput where it is larger."""
        name = read_name(f"{repository}@{digest}")
        url = f"{self._base(name)}/blobs/{digest}{self._namespace(name)}"
        answer = self._ask(name, "GET", url, application=application, limit=limit)
        found = f"sha256:{sha256_hex(answer.body)}"
        if found != digest:
            raise Untrusted(f"{_shown(answer.url)} has the digest {found}, not {digest}", code="digest_mismatch")
        return answer.body

    def detail(self, reference: str, *, application: str = "") -> Detail:
        """Return digest, platforms, annotations and age of ``name:tag``: one manifest and, of a single image, its config (a few KB)."""
        found = self.manifest(reference, application=application)
        annotations = _texts(found.content.get("annotations"))
        manifests, described = found.content.get("manifests"), found.content.get("config")
        offered, config = None, dict[str, Any]()
        if isinstance(manifests, list):
            offered = _offered([one for one in manifests if isinstance(one, dict)], reference)
        elif isinstance(described, dict) and described.get("mediaType") in _IMAGE_CONFIGS:
            config = self._config(read_name(reference), str(described.get("digest")), application)
            offered = _offered([{"platform": _platform(config)}], reference)
            inner = config.get("config")
            annotations = _texts(inner.get("Labels") if isinstance(inner, dict) else None) | annotations
        return Detail(
            digest=found.digest,
            media_type=found.media_type,
            platforms=offered,
            annotations=annotations,
            is_index=isinstance(manifests, list),
            created_at=_moment(annotations.get(CREATED)) or _moment(config.get("created")),
        )

    def referrers(self, repository: str, digest: str, *, application: str = "") -> list[Referrer]:
        """Return what names ``digest`` as its subject. A registry without the referrers API is asked for the tag that stands in for it."""
        name = read_name(f"{repository}@{digest}")
        url: str | None = f"{self._base(name)}/referrers/{digest}{self._namespace(name)}"
        found: list[Referrer] = []
        try:
            for _ in range(self._max_pages):
                answer = self._ask(name, "GET", url or "", application=application)
                found += _referrers_of(protocol.read_json(answer.body, _shown(answer.url)), _shown(answer.url))
                url = protocol.next_page(answer.url, answer.headers.get("link", ""))
                if url is None:
                    return found
        except NotFound:
            return self._referrers_by_tag(name, application)
        raise Transient(f"{name.repository} has more than {self._max_pages} pages of referrers", code="too_many_pages")

    def _referrers_by_tag(self, name: Reference, application: str) -> list[Referrer]:
        try:
            index = self.manifest(f"{name.repository}:{name.digest.replace(':', '-')}", application=application)
        except NotFound:
            return []
        return _referrers_of(index.content, name.repository)

    def _config(self, name: Reference, digest: str, application: str) -> dict[str, Any]:
        body = self.blob(name.repository, digest, limit=MAX_CONFIG, application=application)
        content = protocol.read_json(body, str(name))
        return content if isinstance(content, dict) else {}

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

    def _first_page(self, name: Reference) -> str:
        return f"{self._base(name)}/tags/list?n={self._page_size}{self._namespace(name, '&')}"

    def _pages(self, name: Reference, application: str, known: list[tag_memo.Page]) -> Iterator[tag_memo.Page]:
        """Read pages of tags in their order; one that is ``known`` and did not change has no names."""
        url: str | None = self._first_page(name)
        for position in range(self._max_pages):
            before = known[position] if position < len(known) and known[position].url == url else None
            page = self._page(name, url or "", application, before)
            yield page
            url = page.next
            if url is None:
                return
        raise Transient(f"{name.repository} has more than {self._max_pages} pages of tags", code="too_many_pages")

    def _page(self, name: Reference, url: str, application: str, before: tag_memo.Page | None) -> tag_memo.Page:
        sent = validators.asked(before.proof) if before else {}
        answer = self._ask(name, "GET", url, application=application, headers=sent)
        if answer.status == 304 and before:
            return before
        following = protocol.next_page(answer.url, answer.headers.get("link", ""))
        return tag_memo.Page(url=url, proof=validators.told(answer.headers), next=following, names=_tags_of(answer))

    def _ask(
        self,
        name: Reference,
        method: str,
        url: str,
        *,
        application: str,
        accept: bool = False,
        headers: Mapping[str, str] | None = None,
        limit: int = MAX_DOCUMENT,
    ) -> _Answer:
        """Ask once, and once more with a token or password where the registry wants one. Raises what the status means."""
        sent = {"Accept": _ACCEPT} if accept else {}
        sent.update(headers or {})
        account = None if self._mirror(name) else self._accounts.find(name.domain, name.path, application)
        key = TokenKey("/".join(url.split("/", 3)[:3]), name.path, account)
        used = self._tokens.known(key)
        answer = self._follow(method, url, sent | ({"Authorization": used} if used else {}), limit)
        if answer.status == 401:
            lent = self._lent(name, answer, key, used)
            answer = self._follow(method, url, sent | {"Authorization": lent}, limit)
        self._note(account, answer.status)
        _raise_for(answer, name)
        return answer

    def _lent(self, name: Reference, refused: _Answer, key: TokenKey, used: str) -> str:
        """Return another header than ``used``, by what the registry's challenge asks for."""
        try:
            return self._tokens.renewed(key, used, lambda: self._authorization(name, refused, key))
        except Transient as error:
            if error.code == "denied":
                self._note(key.account, 401)
            raise

    def _note(self, account: Account | None, status: int) -> None:
        if account is not None and status in {401, 403}:
            self._accounts.note(account, f"HTTP {status}")
        elif account is not None and (status < 400 or status == 404):
            self._accounts.note(account, "")

    def _follow(
        self, method: str, url: str, headers: dict[str, str], limit: int, content: bytes | None = None
    ) -> _Answer:
        """Ask, following redirects; never with a body, in which a secret may be."""
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._send(method, url, headers, limit, content)
            if answer.status not in _REDIRECTS or content is not None:
                return answer
            with _network_errors(url):
                target = str(httpx2.URL(url).join(answer.headers.get("location", "")))
            _check_redirect(url, target)
            if urlsplit(target)[:2] != urlsplit(url)[:2]:
                headers = {key: value for key, value in headers.items() if key != "Authorization"}
            url = target
        raise Transient(f"{_shown(url)} redirects more than {MAX_REDIRECTS} times", code="redirects")

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], limit: int, content: bytes | None = None
    ) -> _Answer:
        with (
            _network_errors(url),
            self._http.stream(method, url, headers=dict(headers), content=content) as response,
        ):
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > limit:
                    raise InvalidInput(f"{_shown(url)} is larger than {limit} bytes", code="too_large")
            return _Answer(response.status_code, response.headers, bytes(body), url)

    def _authorization(self, name: Reference, refused: _Answer, key: TokenKey) -> Lent:
        """Ask for the header that a challenge wants. Raises ``Transient`` with the code ``denied`` where none is given."""
        challenge, account = registry_auth.challenge_of(refused.headers.get_list("www-authenticate")), key.account
        if not refused.url.startswith(f"{key.server}/"):
            raise Transient(
                f"{_shown(refused.url)}, where we were redirected to, wants a password: refused", code="denied"
            )
        if challenge.scheme == "basic" and account and account.kind != "identity":
            return Lent(account.header())
        if challenge.scheme != "bearer":
            raise Transient(f"{_shown(refused.url)} wants a password that we do not have: {ADD_ACCOUNT}", code="denied")
        server, realm = urlsplit(key.server), challenge.params.get("realm", "")
        if not registry_auth.is_realm_allowed(realm, server.netloc, insecure=server.scheme == "http"):
            raise Transient(
                f"{_shown(refused.url)} sends us to {_shown(realm)!r} for a token: refused", code="token_realm"
            )
        asked = registry_auth.token_request(realm, challenge.params.get("service", ""), name.path, account)
        lent = _token_of(self._follow(asked.method, asked.url, asked.headers, MAX_DOCUMENT, asked.content), asked)
        self._accounts.unspoken.add_token(lent.header)
        return lent


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


def _token_of(answer: _Answer, asked: TokenRequest) -> Lent:
    if answer.status != 200:
        what = "token for an identity token" if asked.content else "token"
        raise Transient(f"{_shown(answer.url)} gives no {what}: HTTP {answer.status}", code="denied")
    content = protocol.read_json(answer.body, _shown(answer.url))
    token = (content.get("token") or content.get("access_token")) if isinstance(content, dict) else None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise protocol.not_a_registry(_shown(answer.url), "without a token")
    life = content.get("expires_in")
    return Lent(f"Bearer {token}", float(life) if isinstance(life, int) and life > 0 else TOKEN_SECONDS)


def _referrers_of(content: Any, where: str) -> list[Referrer]:
    manifests = content.get("manifests") if isinstance(content, dict) else None
    if not isinstance(manifests, list):
        raise protocol.not_a_registry(where, "no list of referrers")
    return [
        Referrer(
            digest=str(one.get("digest")),
            media_type=str(one.get("mediaType", "")),
            artifact_type=str(one.get("artifactType", "")),
            annotations=_texts(one.get("annotations")),
        )
        for one in manifests
        if isinstance(one, dict)
    ]


def _offered(manifests: list[dict[str, Any]], reference: str) -> tuple[str, ...]:
    try:
        return platforms.offered(manifests)
    except platforms.InvalidPlatform as error:
        raise protocol.not_a_registry(reference, f"with an index that cannot be read ({error})") from None


def _platform(config: Mapping[str, Any]) -> dict[str, Any]:
    names = ("os", "architecture", "variant", "os.version")
    return {name: config[name] for name in names if config.get(name)} or {"os": "linux", "architecture": "amd64"}


def _texts(value: Any) -> dict[str, str]:
    """Return what is text by text in a JSON object; annotations of any other shape are none."""
    items = value.items() if isinstance(value, dict) else ()
    return {key: text for key, text in items if isinstance(text, str)}


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo else None


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
    status, is_html = answer.status, "text/html" in answer.headers.get("content-type", "")
    if status in {200, 304} and not is_html:
        return
    where, codes = _shown(answer.url), protocol.error_codes(answer.body)
    if is_html and status < 500:
        raise protocol.not_a_registry(where, "HTML")
    words = f"HTTP {status}{' ' + ', '.join(codes) if codes else ''}"
    if status == 404:
        if answer.body and not codes:
            protocol.read_json(answer.body, where)  # "404 page not found" is said by proxies whose registry is away
        raise NotFound(f"{name} does not exist: {where} answers {words}", code="not_in_registry")
    if status in {401, 403}:
        raise Transient(
            f"{where} lets us in no more: {words}. Is it private, or misspelt?", retry_after=300, code="denied"
        )
    if status == 429 or status >= 500 or protocol.is_temporary(codes, status):
        raise Transient(f"{where} answers {words}", retry_after=_pause(answer), code="registry_busy")
    raise Transient(f"{where} answers {words}", code="registry_refused", retry_after=300)


def _pause(answer: _Answer) -> float:
    seconds = retry_after(answer.headers)
    return 30.0 if seconds is None else seconds


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
