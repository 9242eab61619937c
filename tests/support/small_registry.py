"""A small, real registry by the distribution specification, for what Debian's docker-registry lacks.

Pages (``n``, ``last``, ``Link``), referrers, tokens per scope, ETags, 429 with ``Retry-After``, and bad days on demand. Read-only over
HTTP; tests push by calling it. ``python -m tests.support.small_registry COUNT`` serves COUNT repositories and prints its URL.
"""

import base64
import json
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from cluster_agent.contract import sha256_hex

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
ERROR_CODES = frozenset(
    {"BLOB_UNKNOWN", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN"}
    | {"MANIFEST_INVALID", "MANIFEST_UNKNOWN", "NAME_INVALID", "NAME_UNKNOWN", "SIZE_INVALID", "UNAUTHORIZED", "DENIED"}
    | {"UNSUPPORTED", "TOOMANYREQUESTS"}
)
Fault = Literal["", "error", "html", "truncated", "slow", "wrong digest"]
_ROUTE = re.compile(r"/v2/(?P<name>.+?)/(?P<kind>tags/list|manifests|blobs|referrers)(?:/(?P<asked>[^/]+))?")


def digest_of(content: bytes) -> str:
    return f"sha256:{sha256_hex(content)}"


@dataclass
class Repository:
    tags: dict[str, str] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Reply:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Known(NamedTuple):
    """What a client has seen already."""

    etag: str = ""
    modified: str = ""


NOTHING = Known()


@dataclass
class SmallRegistry:
    """Its content and how it behaves now. ``requests`` counts what it was asked: ``GET /v2/…`` without the query."""

    page_limit: int = 1_000
    with_etags: bool = True
    modified: str = ""  # the date that lists of tags have, where they have one
    with_referrers: bool = True
    accounts: dict[str, tuple[str, str]] = field(
        default_factory=dict
    )  # path prefix → user and password; "" is everybody's
    identities: dict[str, str] = field(default_factory=dict)  # refresh token → the user whom it stands for
    token_seconds: int | None = 60
    limited: int = 0  # so many requests are answered with 429
    retry_after: str = "2"
    fault: Fault = ""
    quota: str = ""  # of Docker Hub's headers: what is left of 100
    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    passwords_seen: list[str] = field(default_factory=list)
    grants: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict)

    # -- what tests put in

    def push_image(
        self, name: str, tag: str, *, labels: dict[str, str] | None = None, seed: str = "", **annotations: str
    ) -> str:
        """Push an image for linux/amd64; return its digest."""
        config = {
            "os": "linux",
            "architecture": "amd64",
            "created": "2026-01-02T03:04:05.123456789Z",
            "config": {"Labels": labels},
        }
        described = self._describe(name, CONFIG, json.dumps(config | {"seed": seed or tag}).encode())
        content = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": []}
        return self.push_manifest(name, tag, content | ({"annotations": annotations} if annotations else {}))

    def push_index(self, name: str, tag: str, platforms: list[dict[str, str]], **annotations: str) -> str:
        """Push an index with an entry for each platform; return its digest."""
        entries = [
            {"mediaType": MANIFEST, "digest": digest_of(str(one).encode()), "size": 1, "platform": one}
            for one in platforms
        ]
        content = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries, "annotations": annotations}
        return self.push_manifest(name, tag, content)

    def push_referrer(self, name: str, subject: str, artifact_type: str) -> str:
        """Push an artifact that names ``subject``; where the API is missing, under the tag that stands in for it too."""
        empty = self._describe(name, "application/vnd.oci.empty.v1+json", b"{}")
        described = {"mediaType": MANIFEST, "digest": subject, "size": 1}
        content = {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": artifact_type, "config": empty}
        digest = self.push_manifest(name, "", content | {"layers": [], "subject": described})
        if not self.with_referrers:
            self.push_manifest(name, subject.replace(":", "-"), self._referring(self.repositories[name], subject))
        return digest

    def push_manifest(self, name: str, tag: str, content: dict[str, Any]) -> str:
        """Push any manifest, by digest alone where ``tag`` is empty; return its digest."""
        body = json.dumps(content).encode()
        repository = self.repositories.setdefault(name, Repository())
        repository.manifests[digest_of(body)] = content["mediaType"], body
        if tag:
            repository.tags[tag] = digest_of(body)
        return digest_of(body)

    def _describe(self, name: str, media_type: str, body: bytes) -> dict[str, Any]:
        self.repositories.setdefault(name, Repository()).blobs[digest_of(body)] = body
        return {"mediaType": media_type, "digest": digest_of(body), "size": len(body)}

    # -- what it answers

    def answer(self, path: str, query: dict[str, str], authorization: str, known: Known = NOTHING) -> Reply:
        """Answer one request, whatever its method: HEAD is GET without its body."""
        if path == "/token":
            return self._token(query, authorization)
        if self.limited > 0:
            self.limited -= 1
            return _error(429, "TOOMANYREQUESTS", {"Retry-After": self.retry_after} if self.retry_after else {})
        route = _ROUTE.fullmatch(path)
        if self.accounts and not self._is_allowed(route["name"] if route else "", authorization):
            return self._challenge(route["name"] if route else "")
        if path == "/v2/":
            return Reply(200, b"{}", {"Content-Type": "application/json"})
        if route is None:
            return _error(404, "NAME_INVALID")
        repository = self.repositories.get(route["name"])
        if repository is None:
            return _error(404, "NAME_UNKNOWN")
        return self._content(route, repository, query, known)

    def _content(self, route: re.Match[str], repository: Repository, query: dict[str, str], known: Known) -> Reply:
        kind, asked = route["kind"], route["asked"] or ""
        if kind == "tags/list":
            return self._tags(route["name"], repository, query, known)
        if kind == "manifests":
            return self._manifest(repository, asked)
        if kind == "blobs":
            body = repository.blobs.get(asked)
            return _error(404, "BLOB_UNKNOWN") if body is None else self._bytes(body, "application/octet-stream", asked)
        if not self.with_referrers:
            return _error(404, "UNSUPPORTED")
        return Reply(200, json.dumps(self._referring(repository, asked)).encode(), {"Content-Type": INDEX})

    def _tags(self, name: str, repository: Repository, query: dict[str, str], known: Known) -> Reply:
        wanted = query.get("n", str(self.page_limit))
        if not wanted.isdigit():
            return _error(400, "UNSUPPORTED")
        size, last = min(int(wanted), self.page_limit), query.get("last", "")
        rest = [tag for tag in sorted(repository.tags) if tag > last]
        body = json.dumps({"name": name, "tags": rest[:size]}).encode()
        headers = {"Content-Type": "application/json"}
        if 0 < size < len(rest):
            more = urlencode({"n": size, "last": rest[size - 1]})
            headers["Link"] = f'</v2/{name}/tags/list?{more}>; rel="next"'
        if self.with_etags:
            headers["ETag"] = f'"{sha256_hex(body)[:32]}"'  # of the body alone, as real ones do
            if known.etag == headers["ETag"]:
                return Reply(304, b"", {"ETag": known.etag})
        if self.modified:
            headers["Last-Modified"] = self.modified
            if known.modified == self.modified:
                return Reply(304, b"", {"Last-Modified": known.modified})
        return Reply(200, body, headers)

    def _manifest(self, repository: Repository, asked: str) -> Reply:
        digest = repository.tags.get(asked, asked)
        if digest not in repository.manifests:
            return _error(404, "MANIFEST_UNKNOWN")
        media_type, body = repository.manifests[digest]
        return self._bytes(body, media_type, digest)

    def _bytes(self, body: bytes, media_type: str, digest: str) -> Reply:
        content = body + b" " if self.fault == "wrong digest" else body
        return Reply(200, content, {"Content-Type": media_type, "Docker-Content-Digest": digest})

    def _referring(self, repository: Repository, subject: str) -> dict[str, Any]:
        found = [(digest, body, json.loads(body)) for digest, (_, body) in repository.manifests.items()]
        entries = [
            {
                "mediaType": MANIFEST,
                "digest": digest,
                "size": len(body),
                "artifactType": content.get("artifactType", ""),
            }
            for digest, body, content in found
            if content.get("subject", {}).get("digest") == subject
        ]
        return {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}

    # -- who may read

    def _account_of(self, name: str) -> tuple[str, str] | None:
        prefixes = [one for one in self.accounts if not one or name == one or name.startswith(f"{one}/")]
        return self.accounts[max(prefixes, key=len)] if prefixes else None

    def _is_allowed(self, name: str, authorization: str) -> bool:
        scope, until = self._tokens.get(authorization.removeprefix("Bearer "), ("", 0.0))
        return scope == f"repository:{name}:pull" and time.time() < until

    def _challenge(self, name: str) -> Reply:
        told = f'Bearer realm="{self.url}/token",service="small",scope="repository:{name}:pull"'
        return _error(401, "UNAUTHORIZED", {"WWW-Authenticate": told})

    def exchange(self, form: dict[str, str]) -> Reply:
        """Answer ``POST /token``: OAuth2's refresh token grant, as the distribution token specification has it."""
        self.grants.append(form)
        if missing := {"grant_type", "service", "client_id", "refresh_token"} - form.keys():
            return _error(400, f"{sorted(missing)[0]} is missing")
        if form["grant_type"] != "refresh_token":
            return _error(400, "UNSUPPORTED")
        wanted, user = self._account_for(form.get("scope", "")), self.identities.get(form["refresh_token"])
        if user is None or (wanted is not None and wanted[0] != user):
            return _error(401, "UNAUTHORIZED")
        return self._granted(form.get("scope", ""), "access_token")

    def _token(self, query: dict[str, str], authorization: str) -> Reply:
        scope = query.get("scope", "")
        self.passwords_seen.append(_decoded(authorization))
        wanted = self._account_for(scope)
        if wanted is not None and _decoded(authorization) != ":".join(wanted):
            return _error(401, "UNAUTHORIZED")
        return self._granted(scope, "token")

    def _account_for(self, scope: str) -> tuple[str, str] | None:
        return self._account_of(scope.split(":")[1] if scope.count(":") == 2 else "")

    def _granted(self, scope: str, name: str) -> Reply:
        token = f"t{len(self._tokens)}"
        self._tokens[token] = scope, time.time() + (self.token_seconds or 60)
        content: dict[str, Any] = {name: token}
        if self.token_seconds is not None:
            content["expires_in"] = self.token_seconds
        return Reply(200, json.dumps(content).encode(), {"Content-Type": "application/json"})


def _decoded(authorization: str) -> str:
    scheme, _, rest = authorization.partition(" ")
    return base64.b64decode(rest).decode() if scheme == "Basic" else ""


def _error(status: int, code: str, headers: dict[str, str] | None = None) -> Reply:
    body = json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode()
    return Reply(status, body, {"Content-Type": "application/json", **(headers or {})})


@contextmanager
def serving(registry: SmallRegistry) -> Iterator[SmallRegistry]:
    """Serve it on a port of this machine; ``registry.url`` says where."""

    class Handler(_Handler):
        small = registry

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    registry.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    small: SmallRegistry

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.small.requests[f"{self.command} {parts.path}"] += 1
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        authorization = self.headers.get("Authorization", "")
        known = Known(self.headers.get("If-None-Match", ""), self.headers.get("If-Modified-Since", ""))
        reply = self.small.answer(parts.path, query, authorization, known)
        self._send(self._spoilt(reply) if parts.path != "/token" else reply)

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        self.small.requests[f"POST {path}"] += 1
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode(errors="replace")
        form = {name: values[-1] for name, values in parse_qs(body).items()}
        self._send(
            self.small.exchange(form) if path == "/token" else _error(405, "UNSUPPORTED", {"Allow": "GET, HEAD"})
        )

    def do_PUT(self) -> None:
        """Nothing is written over HTTP."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._send(_error(405, "UNSUPPORTED", {"Allow": "GET, HEAD"}))

    do_PATCH = do_DELETE = do_PUT  # noqa: N815

    def _spoilt(self, reply: Reply) -> Reply:
        fault = self.small.fault
        if fault == "slow":
            time.sleep(1.5)
        if fault == "error":
            return _error(500, "UNKNOWN")
        return Reply(200, b"<html>Hello</html>", {"Content-Type": "text/html"}) if fault == "html" else reply

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        if self.small.quota:
            self.send_header("RateLimit-Limit", "100;w=21600")
            self.send_header("RateLimit-Remaining", f"{self.small.quota};w=21600")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        is_cut = self.small.fault == "truncated"
        self.send_header("Content-Length", str(len(reply.body) + is_cut * 10))
        self.close_connection = self.close_connection or is_cut
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


def main(count: int) -> None:
    """Serve ``count`` repositories with 40 tags each until standard input ends.

    For each line it prints how many requests there were; a line ``REPOSITORY TAG`` publishes that tag first.
    """
    registry = SmallRegistry()
    for number in range(count):
        tags = {f"1.{number % 7}.{patch}": digest_of(f"{number}.{patch}".encode()) for patch in range(40)}
        repository = registry.repositories.setdefault(f"acme/app-{number}", Repository(tags))
        manifest = json.dumps({"schemaVersion": 2, "number": number}).encode()
        repository.tags["latest"] = digest_of(manifest)
        repository.manifests[digest_of(manifest)] = MANIFEST, manifest
    with serving(registry):
        print(registry.url, flush=True)
        for line in sys.stdin:
            if line.strip():
                name, tag = line.split()
                registry.repositories[name].tags[tag] = digest_of(tag.encode())
            print(registry.requests.total(), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
