"""Charts from an OCI registry: named by digest, verified byte by byte, kept as a local ``.tgz``. Helm never talks to a registry.

A mirror map (host or ``*`` → base URL) says where names are really read, as containerd's ``hosts.toml`` does: with
``{"*": "http://127.0.0.1:5000"}`` the name ``docker.io/a/b`` is read at ``http://127.0.0.1:5000/v2/a/b/…?ns=docker.io``.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx2
import msgspec

from cluster_agent.contract import Artifact
from cluster_agent.errors import Unreachable, Untrusted

CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
MANIFEST_TYPES = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
MAX_MANIFEST_BYTES = 1024 * 1024
MAX_CHART_BYTES = 20 * 1024 * 1024
_REALM = re.compile(r'(\w+)="([^"]*)"')
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Layer(msgspec.Struct, frozen=True):
    """One entry of an OCI manifest's ``layers``; ``size`` in bytes."""

    media_type: str = msgspec.field(name="mediaType", default="")
    digest: str = ""
    size: int = 0


class OciManifest(msgspec.Struct, frozen=True):
    """The part of an OCI image manifest that names its content."""

    layers: tuple[Layer, ...] = ()


def registry_url(name: str, mirrors: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return where ``host/path`` is read: the URL of its repository and the query that every request carries."""
    host, _, path = name.removeprefix("oci://").partition("/")
    if not path or not ("." in host or ":" in host or host == "localhost"):
        host, path = "docker.io", f"{host}/{path}" if path else f"library/{host}"
    mirror = mirrors.get(host) or mirrors.get("*")
    if mirror:
        return f"{mirror.rstrip('/')}/v2/{path}", {"ns": host}
    loopback = host.split(":")[0] in {"localhost", "127.0.0.1"}
    base = "registry-1.docker.io" if host == "docker.io" else host
    return f"{'http' if loopback else 'https'}://{base}/v2/{path}", {}


class ChartStore:
    """Charts by digest in one folder. A file there is verified before each use, so a truncated one is fetched again."""

    def __init__(self, folder: Path, http: httpx2.Client, mirrors: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._http = http
        self._mirrors = mirrors or {}

    def chart(self, artifact: Artifact) -> Path:
        """Return the path of the chart's ``.tgz``.

        Raises ``Untrusted`` (digest or size wrong, not a chart) or ``Unreachable`` (registry down, artifact not there yet).
        """
        if not _DIGEST.fullmatch(artifact.digest):
            raise Untrusted("bad_digest", f"{artifact.ref}: {artifact.digest!r} is no sha256 digest")
        layer = self._chart_layer(artifact)
        path = self._folder / f"{layer.digest.removeprefix('sha256:')}.tgz"
        if not (path.exists() and _file_digest(path) == layer.digest):
            self._save(artifact.ref, f"blobs/{layer.digest}", layer.digest, path, MAX_CHART_BYTES)
        return path

    def _chart_layer(self, artifact: Artifact) -> Layer:
        path = self._folder / f"{artifact.digest.removeprefix('sha256:')}.json"
        if not (path.exists() and _file_digest(path) == artifact.digest):
            self._save(artifact.ref, f"manifests/{artifact.digest}", artifact.digest, path, MAX_MANIFEST_BYTES)
        try:
            manifest = msgspec.json.decode(path.read_bytes(), type=OciManifest)
        except msgspec.DecodeError as error:
            raise Untrusted("not_a_chart", f"{artifact.ref}@{artifact.digest} is no OCI manifest: {error}") from error
        layers = [layer for layer in manifest.layers if layer.media_type == CHART_LAYER]
        if len(layers) != 1 or not _DIGEST.fullmatch(layers[0].digest):
            raise Untrusted("not_a_chart", f"{artifact.ref}@{artifact.digest} is no Helm chart (no single chart layer)")
        return layers[0]

    def _save(self, ref: str, what: str, digest: str, path: Path, limit: int) -> None:
        """Stream ``what`` to ``path``; the file appears whole and verified, or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        part, found, size = path.with_suffix(".part"), hashlib.sha256(), 0
        with part.open("wb") as file:
            for block in self._stream(ref, what):
                size += len(block)
                if size > limit:
                    raise Untrusted("artifact_too_large", f"{ref}@{digest} is larger than {limit >> 20} MiB")
                found.update(block)
                file.write(block)
        if f"sha256:{found.hexdigest()}" != digest:
            part.unlink()
            raise Untrusted("digest_mismatch", f"{ref}: the registry's bytes are not {digest}")
        part.replace(path)

    def _stream(self, ref: str, what: str) -> Iterator[bytes]:
        base, query = registry_url(ref, self._mirrors)
        url = f"{base}/{what}"
        headers = {"Accept": MANIFEST_TYPES if what.startswith("manifests/") else "*/*"}
        try:
            with self._http.stream("GET", url, params=query, headers=headers, follow_redirects=True) as answer:
                if answer.status_code != 401:
                    yield from _body(answer, ref)
                    return
                headers["Authorization"] = f"Bearer {self._token(answer, ref)}"
            with self._http.stream("GET", url, params=query, headers=headers, follow_redirects=True) as answer:
                yield from _body(answer, ref)
        except httpx2.HTTPError as error:
            raise Unreachable(
                f"registry of {ref}: {str(error) or type(error).__name__}", code="registry_unreachable"
            ) from error

    def _token(self, challenge: httpx2.Response, ref: str) -> str:
        given = dict(_REALM.findall(challenge.headers.get("WWW-Authenticate", "")))
        realm = given.pop("realm", "")
        if not realm.startswith(("https://", "http://")):
            raise Unreachable(f"registry of {ref} asks for a login that needs credentials", code="registry_login")
        answer = self._http.get(realm, params=given)
        try:
            token = msgspec.json.decode(answer.content)
            return str(token.get("token") or token["access_token"])
        except (msgspec.DecodeError, KeyError, AttributeError):
            words = f"registry of {ref} gave no token: HTTP {answer.status_code}"
            raise Unreachable(words, code="registry_login") from None


def _body(answer: httpx2.Response, ref: str) -> Iterator[bytes]:
    if answer.status_code == 404:
        raise Unreachable(f"{ref} is not in its registry: {answer.url.host} answers 404", 60.0, "artifact_missing")
    if answer.status_code != 200:
        words = f"registry of {ref} answers HTTP {answer.status_code}"
        raise Unreachable(words, _retry_after(answer), "registry_unreachable")
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        raise Unreachable(
            f"registry of {ref} answers a web page: is {answer.url.host} a registry?", code="not_a_registry"
        )
    yield from answer.iter_bytes()


def _retry_after(answer: httpx2.Response) -> float:
    given = str(answer.headers.get("Retry-After", ""))
    return float(given) if given.isdigit() else 30.0


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
