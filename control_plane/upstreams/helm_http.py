"""Helm repositories over HTTP: ``index.yaml`` says which versions of a chart there are and where their packages lie.

The index is asked for with what the server said of the last one (ETag, Last-Modified); a server that says neither is believed by the
bytes. What is not in a readable index does not exist; an index that cannot be had or read says nothing.

The repository's account is for its own host. For a package that the index places elsewhere only an account of the application's own is
used (``credentials.named_by_strangers``).
"""

import hashlib
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

import msgspec

from cluster_agent.contract import sha256_hex
from control_plane.domain.errors import NotFound, Transient, Untrusted
from control_plane.domain.sources import Listing, Notes, SourceSpec
from control_plane.domain.versions.policy import Tag
from control_plane.upstreams import validators
from control_plane.upstreams.charts import MAX_CHART, pull_chart
from control_plane.upstreams.credentials import named_by_strangers
from control_plane.upstreams.errors import ChartInvalid
from control_plane.upstreams.helm_index import Entry, read_entries
from control_plane.upstreams.oci import RegistryClient
from control_plane.upstreams.registry_protocol import without_secrets
from control_plane.upstreams.web_client import WebClient, same_host

MAX_INDEX = 100 * 1024 * 1024
KEPT_INDEXES = 256


class _Index(msgspec.Struct, frozen=True):
    """A chart's entries, and what proves that the index has not changed since."""

    memo: dict[str, str]
    entries: dict[str, Entry]


class HelmRepository:
    """Helm repositories (``source.Source``). The chart's entries of the last indexes are kept, so that asking again costs a 304.

    ``registry`` reads what an index places in a registry, as ``application``: with granted accounts alone.
    """

    def __init__(self, web: WebClient, registry: RegistryClient | None = None, application: str = "") -> None:
        self._web, self._registry, self._application = web, registry, application
        self._indexes: OrderedDict[SourceSpec, _Index] = OrderedDict()
        self._lock = threading.Lock()

    def host(self, spec: SourceSpec) -> str:
        """See ``Source``."""
        return urlsplit(index_url(spec.location)).netloc

    def listing(self, spec: SourceSpec, memo: Mapping[str, str]) -> Listing | None:
        """See ``Source``: every version of the chart ``spec.name``, in the index's order."""
        index = self._read(spec, memo)
        if index is None:
            return None
        return Listing(tags=tuple(map(_tag, index.entries.values())), memo=index.memo)

    def detail(self, spec: SourceSpec, tag: str, *, platforms: bool) -> Tag:
        """See ``Source``. A digest that the index does not say costs a download. Charts have no platforms."""
        del platforms
        entry = self._entry(spec, tag)
        digest = entry.digest or f"sha256:{sha256_hex(self._package(spec, entry))}"
        return msgspec.structs.replace(_tag(entry), digest=digest)

    def notes(self, spec: SourceSpec, tag: str, digest: str, *, since: str) -> Notes | None:
        """See ``Source``: an index does not say what changed."""
        del spec, tag, digest, since
        return None

    def artifact(self, spec: SourceSpec, tag: str, digest: str) -> bytes:
        """See ``Source``: the very .tgz that the index names."""
        package = self._package(spec, self._entry(spec, tag))
        found = f"sha256:{sha256_hex(package)}"
        if found != digest:
            words = f"{spec.name} {tag} of {spec.location} has the digest {found}, not {digest}"
            raise Untrusted(words, code="digest_mismatch")
        return package

    def _entry(self, spec: SourceSpec, tag: str) -> Entry:
        with self._lock:
            known = self._indexes.get(spec)
        index = self._read(spec, known.memo if known else {}) or known
        if index is None or tag not in index.entries:
            raise NotFound(f"the index of {spec.location} has no {spec.name} {tag}", code="not_in_index")
        return index.entries[tag]

    def _read(self, spec: SourceSpec, memo: Mapping[str, str]) -> _Index | None:
        """Return the index, None where it is the one that ``memo`` is of."""
        url = index_url(spec.location)
        with tempfile.TemporaryFile(prefix="tidegate-index-") as file:
            try:
                headers, account = validators.asked(memo), self._web.account_for(spec.location)
                answer = self._web.ask("GET", url, account=account, headers=headers, limit=MAX_INDEX, into=file)
            except NotFound as error:
                words = f"{without_secrets(url)} does not exist: is this a Helm repository?"
                raise Transient(words, retry_after=300, code="no_index") from error
            if answer.status == 304:
                return None
            file.seek(0)
            new = validators.told(answer.headers) | {"sha256": hashlib.file_digest(file, "sha256").hexdigest()}
            return None if new == memo else self._parsed(spec, file, new)

    def _parsed(self, spec: SourceSpec, file: BinaryIO, memo: dict[str, str]) -> _Index:
        entries = read_entries(file, spec.name, where=without_secrets(index_url(spec.location)))
        if entries is None:
            raise NotFound(f"the index of {spec.location} has no chart {spec.name!r}", code="not_in_index")
        index = _Index(memo, {entry.version: entry for entry in entries})
        with self._lock:
            self._indexes[spec] = index
            self._indexes.move_to_end(spec)
            if len(self._indexes) > KEPT_INDEXES:
                self._indexes.popitem(last=False)
        return index

    def _package(self, spec: SourceSpec, entry: Entry) -> bytes:
        """Return the .tgz of an entry, verified against the digest that the index says."""
        if not entry.urls:
            words = f"the index of {spec.location} does not say where {spec.name} {entry.version} lies"
            raise ChartInvalid(words, code="no_chart")
        url = package_url(spec.location, entry.urls[0])
        package = self._from_registry(url) if url.startswith("oci://") else self._download(spec, url)
        found = f"sha256:{sha256_hex(package)}"
        if entry.digest and found != entry.digest:
            words = f"{without_secrets(url)} has the digest {found}, but the index says {entry.digest}"
            raise Untrusted(words, code="digest_mismatch")
        return package

    def _download(self, spec: SourceSpec, url: str) -> bytes:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise ChartInvalid(
                f"the index names {without_secrets(url)!r}, which is no address on the web", code="no_chart"
            )
        if same_host(url, spec.location):
            return self._web.ask("GET", url, account=self._web.account_for(spec.location), limit=MAX_CHART).body
        with named_by_strangers(without_secrets(url)):
            return self._web.ask("GET", url, account=self._web.granted_for(url), limit=MAX_CHART).body

    def _from_registry(self, url: str) -> bytes:
        if self._registry is None:
            raise ChartInvalid(f"the index names {url}: declare it as `oci`", code="no_chart")
        repository, _, tag = url.removeprefix("oci://").rpartition(":")
        with named_by_strangers(url):
            digest = self._registry.head(f"{repository}:{tag}", application=self._application)
            return pull_chart(self._registry, repository, digest, application=self._application)


def index_url(repository: str) -> str:
    """Return where a repository's index lies: ``index.yaml`` below it, but for an address that names the file itself."""
    parts = urlsplit(repository)
    if parts.path.endswith((".yaml", ".yml", ".json")):
        return repository
    return parts._replace(path=f"{parts.path.rstrip('/')}/index.yaml").geturl()


def package_url(repository: str, url: str) -> str:
    """Return where a package lies: relative to its index, with the index's query (some servers' tokens) as Helm does it."""
    if urlsplit(url).scheme:
        return url
    index = index_url(repository)
    return urlsplit(urljoin(index, url))._replace(query=urlsplit(index).query).geturl()


def _tag(entry: Entry) -> Tag:
    withheld = "the publisher marks this version as deprecated" if entry.deprecated else ""
    return Tag(name=entry.version, digest=entry.digest, created_at=entry.created_at, withheld=withheld)
