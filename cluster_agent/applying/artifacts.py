"""Charts, named by digest, verified byte by byte, kept as a local ``.tgz``. Helm never talks to a registry.

``tidegate:NAME`` is a chart that the control plane keeps beside the channels' files; any other name is of an OCI registry.
A mirror map (host or ``*`` → base URL) says where names are really read, as containerd's ``hosts.toml`` does: with
``{"*": "http://127.0.0.1:5000"}`` the name ``docker.io/a/b`` is read at ``http://127.0.0.1:5000/v2/a/b/…?ns=docker.io``.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import httpx2
import msgspec

from cluster_agent.applying.registry_login import Logins, authorization
from cluster_agent.contract import Artifact
from cluster_agent.contract.manifest import KEPT
from cluster_agent.errors import Unreachable, Untrusted

CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
MANIFEST_TYPES = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
MAX_MANIFEST_BYTES = 1024 * 1024
MAX_CHART_BYTES = 20 * 1024 * 1024
BLOCK_BYTES = 64 * 1024
NO_LOGINS = Logins()
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
    """Charts by digest in one folder. A file there is verified before each use, so a truncated one is fetched again.

    ``kept_at`` is the base URL of the channels' files, or their folder where the control plane runs on this machine.
    """

    def __init__(
        self,
        folder: Path,
        http: httpx2.Client,
        mirrors: Mapping[str, str] | None = None,
        *,
        kept_at: str = "",
        logins: Logins = NO_LOGINS,
    ) -> None:
        self._folder = folder
        self._http = http
        self._mirrors = mirrors or {}
        self._kept_at = kept_at.rstrip("/")
        self._logins = logins

    def chart(self, artifact: Artifact) -> Path:
        """Return the path of the chart's ``.tgz``.

        Raises ``Untrusted`` (digest or size wrong, not a chart) or ``Unreachable`` (its place is down, it is not there yet).
        """
        if not _DIGEST.fullmatch(artifact.digest):
            raise Untrusted("bad_digest", f"{artifact.ref}: {artifact.digest!r} is no sha256 digest")
        if artifact.ref.startswith(KEPT):
            return self._have(artifact.ref, artifact.digest, ".tgz", MAX_CHART_BYTES, self._kept(artifact))
        digest = self._chart_layer(artifact).digest
        return self._have(artifact.ref, digest, ".tgz", MAX_CHART_BYTES, self._stream(artifact.ref, f"blobs/{digest}"))

    def _have(self, ref: str, digest: str, suffix: str, limit: int, blocks: Iterator[bytes]) -> Path:
        """Return the path of the file with ``digest``; ``blocks`` is read only where it is not there, or is damaged."""
        path = self._folder / f"{digest.removeprefix('sha256:')}{suffix}"
        if not (path.exists() and _file_digest(path) == digest):
            self._save(ref, blocks, digest, path, limit)
        return path

    def _chart_layer(self, artifact: Artifact) -> Layer:
        blocks = self._stream(artifact.ref, f"manifests/{artifact.digest}")
        path = self._have(artifact.ref, artifact.digest, ".json", MAX_MANIFEST_BYTES, blocks)
        try:
            manifest = msgspec.json.decode(path.read_bytes(), type=OciManifest)
        except msgspec.DecodeError as error:
            raise Untrusted("not_a_chart", f"{artifact.ref}@{artifact.digest} is no OCI manifest: {error}") from error
        layers = [layer for layer in manifest.layers if layer.media_type == CHART_LAYER]
        if len(layers) != 1 or not _DIGEST.fullmatch(layers[0].digest):
            raise Untrusted("not_a_chart", f"{artifact.ref}@{artifact.digest} is no Helm chart (no single chart layer)")
        return layers[0]

    def _save(self, ref: str, blocks: Iterator[bytes], digest: str, path: Path, limit: int) -> None:
        """Write ``blocks`` to ``path``; the file appears whole and verified, or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        try:
            with part.open("wb") as file:
                found = _copy(blocks, file, limit, f"{ref}@{digest}")
            if found != digest:
                raise Untrusted("digest_mismatch", f"{ref}: the bytes that came are not {digest}")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def _kept(self, artifact: Artifact) -> Iterator[bytes]:
        """Read a chart that the control plane keeps, from its folder or over HTTP."""
        if not self._kept_at:
            raise Unreachable(
                f"{artifact.ref}: nobody said where the control plane's charts are", code="artifact_missing"
            )
        name = f"artifacts/sha256-{artifact.digest.removeprefix('sha256:')}.tgz"
        if self._kept_at.startswith(("https://", "http://")):
            return self._download(artifact.ref, f"{self._kept_at}/{name}")
        return _read(artifact.ref, Path(self._kept_at) / name)

    def _download(self, ref: str, url: str) -> Iterator[bytes]:
        # Raw and unpacked: some web servers call the gzip of a .tgz an encoding, which a client would undo.
        headers = {"Accept-Encoding": "identity"}
        try:
            with self._http.stream("GET", url, headers=headers, follow_redirects=False) as answer:
                _refuse_other_than_file(answer, ref)
                yield from answer.iter_raw()
        except httpx2.HTTPError as error:
            words = f"{ref} cannot be read from the control plane: {str(error) or type(error).__name__}"
            raise Unreachable(words, code="artifacts_unreachable") from error

    def _stream(self, ref: str, what: str) -> Iterator[bytes]:
        base, query = registry_url(ref, self._mirrors)
        url = f"{base}/{what}"
        headers = {"Accept": MANIFEST_TYPES if what.startswith("manifests/") else "*/*"}
        try:
            with self._http.stream("GET", url, params=query, headers=headers, follow_redirects=True) as answer:
                if answer.status_code != 401:
                    yield from _body(answer, ref)
                    return
                headers["Authorization"] = authorization(self._http, answer, httpx2.URL(url), ref, self._logins)
            with self._http.stream("GET", url, params=query, headers=headers, follow_redirects=True) as answer:
                yield from _body(answer, ref)
        except httpx2.HTTPError as error:
            raise Unreachable(
                f"registry of {ref}: {str(error) or type(error).__name__}", code="registry_unreachable"
            ) from error


def _copy(blocks: Iterator[bytes], file: BinaryIO, limit: int, what: str) -> str:
    """Write ``blocks``, at most ``limit`` bytes; return their digest."""
    found, size = hashlib.sha256(), 0
    for block in blocks:
        size += len(block)
        if size > limit:
            raise Untrusted("artifact_too_large", f"{what} is larger than {limit >> 20} MiB")
        found.update(block)
        file.write(block)
    return f"sha256:{found.hexdigest()}"


def _read(ref: str, path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                yield block
    except FileNotFoundError:
        raise Unreachable(f"{ref} is not kept: there is no {path.name}", 60.0, "artifact_missing") from None
    except OSError as error:
        words = f"{ref} cannot be read from {path}: {error.strerror or error}"
        raise Unreachable(words, code="artifacts_unreachable") from error


def _refuse_other_than_file(answer: httpx2.Response, ref: str) -> None:
    host = answer.url.host
    if answer.status_code == 404:
        raise Unreachable(f"{ref} is not kept: {host} answers 404", 60.0, "artifact_missing")
    if answer.status_code != 200:
        words = f"{ref} cannot be read: {host} answers HTTP {answer.status_code}"
        raise Unreachable(words, _retry_after(answer), "artifacts_unreachable")
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        words = f"{ref} cannot be read: {host} answers a web page; a proxy may want a sign-in"
        raise Unreachable(words, code="artifacts_unreachable")


def _body(answer: httpx2.Response, ref: str) -> Iterator[bytes]:
    if answer.status_code == 404:
        raise Unreachable(f"{ref} is not in its registry: {answer.url.host} answers 404", 60.0, "artifact_missing")
    if answer.status_code in (401, 403):
        words = f"registry of {ref} does not let us read it: HTTP {answer.status_code}"
        raise Unreachable(words, _retry_after(answer), "registry_login")
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
