"""What an agent meets: a control plane with a real TUF repository, releases of the echo chart in a registry, a cluster.

The control plane here is small but real where it counts: it publishes with our publisher and checks tokens and signatures.
"""

import base64
import contextlib
import http.server
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cluster_agent.applying.kube import Access, connect
from cluster_agent.contract import (
    ApplicationManifest,
    Artifact,
    BackupStep,
    Edge,
    EnrolAnswer,
    EnrolRequest,
    Halt,
    JoinToken,
    Manifest,
    Report,
    ReportBatch,
    ReportReceipt,
    Rollout,
    Wave,
    release_digest,
    sha256_hex,
)
from cluster_agent.contract.enrolment import AGENT_JWT_AUDIENCE
from cluster_agent.errors import Conflict
from cluster_agent.state import State
from control_plane.domain.errors import NotFound
from control_plane.publishing.keys import KeyRing
from control_plane.publishing.repository import Repository
from control_plane.publishing.static import resolve
from control_plane.publishing.storage import DirectoryStorage
from examples import publishing
from examples.publishing import MANIFESTS, repository
from test_harness.clusters.kind import KindProvider
from test_harness.images import registry
from test_harness.offline.prepare import everything

HERE = Path(__file__).parent
CHANNEL = "stable"
IMAGE = "docker.io/tidegate-tests/echo"
HOOK_IMAGE = "docker.io/tidegate-tests/hook"
CHART = "ghcr.io/tidegate-tests/charts/echo"
STATE_STEP = BackupStep(
    name="state",
    pod="app=echo-store",
    dump=("cat", "/data/state"),
    restore=("sh", "-c", "cat > /data/state.new; mv /data/state.new /data/state"),
    quiesce=("deployment/echo-web",),
)


class ControlPlane(http.server.ThreadingHTTPServer):
    """Enrols one cluster, takes its reports, serves its channel."""

    daemon_threads = True

    def __init__(self, folder: Path, address: str = "127.0.0.1") -> None:
        super().__init__((address, 0), _Handler)
        self.folder = folder
        self.repository = Repository(DirectoryStorage(folder / "tuf"), KeyRing(folder / "keys"))
        self.repository.initialise(channels=["edge", CHANNEL], now=datetime.now(UTC))
        root = self.repository.first_root()
        self.token = JoinToken(id="t1", secret="s1", cluster="home", channel=CHANNEL, root_sha256=sha256_hex(root))
        self.key = b""
        self.reports: list[Report] = []
        self.requests: list[tuple[str, int]] = []
        self.deaf = False  # takes no report, as a control plane behind a broken link
        self.generation = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]}:{self.server_address[1]}"

    def publish(self, *applications: ApplicationManifest, halted: str = "", percent: int = 100) -> int:
        """Publish the next generation, and who may take it."""
        now = datetime.now(UTC)
        self.generation += 1
        manifest = Manifest(channel=CHANNEL, generation=self.generation, created=now, applications=applications)
        rollout = Rollout(
            channel=CHANNEL,
            generation=self.generation,
            expires=now + timedelta(days=7),
            waves=(Wave(name="all", percent=percent, opens_at=now),),
            halted=Halt(reason=halted, since=now) if halted else None,
        )
        self.repository.publish_channel(manifest, rollout, now=now)
        return self.generation

    def outcomes(self, generation: int) -> list[str]:
        """Return what was reported of changes of ``generation``, in order."""
        return [one.outcome for one in self.reports if one.generation == generation and one.outcome != "observed"]

    def last(self, outcome: str) -> Report:
        return next(one for one in reversed(self.reports) if one.outcome == outcome)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: ControlPlane

    def do_GET(self) -> None:
        try:
            file = resolve(self.server.folder / "tuf", self.path.removeprefix("/tuf/"))
        except NotFound:
            self._answer(404, b"")
            return
        same = file.matches(self.headers["If-None-Match"])
        self._answer(304 if same else 200, b"" if same else file.body, etag=file.etag)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.deaf and self.path.endswith("/reports"):
            self.close_connection = True
            return
        try:
            answer = self._enrol(body) if self.path.endswith("/enrol") else self._take(body)
            self._answer(200, msgspec.json.encode(answer))
        except (jwt.InvalidTokenError, PermissionError) as error:
            self._answer(401, msgspec.json.encode({"detail": str(error)}))

    def _enrol(self, body: bytes) -> EnrolAnswer:
        request = msgspec.json.decode(body, type=EnrolRequest)
        key = base64.b64decode(request.public_key)
        self._check(key)
        if request.token_secret != self.server.token.secret or self.server.key not in {b"", key}:
            raise PermissionError("this join token was used already")
        self.server.key = key
        root = self.server.repository.first_root().decode()
        return EnrolAnswer(cluster=request.cluster, channel=CHANNEL, root=root)

    def _take(self, body: bytes) -> ReportReceipt:
        self._check(self.server.key)
        known = self.server.reports
        last = known[-1].sequence if known else 0
        known += [one for one in msgspec.json.decode(body, type=ReportBatch).reports if one.sequence > last]
        return ReportReceipt(accepted_sequence=known[-1].sequence if known else 0)

    def _check(self, key: bytes) -> None:
        token = self.headers["Authorization"].removeprefix("Bearer ")
        public = Ed25519PublicKey.from_public_bytes(key)
        jwt.decode(token, public, algorithms=["EdDSA"], audience=AGENT_JWT_AUDIENCE)

    def _answer(self, status: int, body: bytes, etag: str = "") -> None:
        self.server.requests.append((self.path, status))
        self.send_response(status)
        if etag:
            self.send_header("ETag", etag)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Releases:
    """Releases of the echo chart in a registry (``url`` as seen from here)."""

    def __init__(self, url: str, publisher: publishing.Publisher) -> None:
        self.url = url
        self._publisher = publisher
        self._pushed: set[str] = set()

    def release(
        self, version: str, *, contract: str = "", edges_from: str = "", backup: bool = True, **values: Any
    ) -> ApplicationManifest:
        if version not in self._pushed:
            self._publisher.publish_chart(CHART, HERE / "charts" / "echo", version)
            self._pushed.add(version)
        images = [IMAGE, *([HOOK_IMAGE] if "hooks" in values else [])]
        what = {
            "name": "echo",
            "release": version,
            "namespace": "echo",
            "artifact": Artifact(ref=CHART, digest=self.digest(CHART, version)),
            "images": {f"{image}:1": self.digest(image, "1") for image in images},
            "values": {"message": version, **values},
            "backup": (STATE_STEP,) if backup else (),
        }
        edges = (Edge(from_release=edges_from, contract=contract),) if contract else ()
        return ApplicationManifest(**what, release_digest=release_digest(**what), edges=edges, timeout_seconds=60)

    def by_hand(self, version: str) -> tuple[str, ...]:
        """Return what names the chart on Helm's own command line."""
        return (f"oci://{self.url.removeprefix('http://')}/{repository(CHART)}", "--plain-http", "--version", version)

    def push_hook_image(self, folder: Path, says: str) -> str:
        """Push an image whose ``/said`` has these words, always under the same tag; return its digest."""
        said = folder / "said"
        said.write_text(f"{says}\n")
        self._publisher.build_image(HOOK_IMAGE, "1", HERE / "charts" / "hook-image", said=said)
        return self.digest(HOOK_IMAGE, "1")

    def digest(self, name: str, tag: str) -> str:
        answer = httpx2.head(f"{self.url}/v2/{repository(name)}/manifests/{tag}", headers={"Accept": MANIFESTS})
        return answer.raise_for_status().headers["Docker-Content-Digest"]


@contextlib.contextmanager
def surroundings(folder: Path, name: str) -> Iterator[tuple[Path, Releases, str]]:
    """Make a registry and a cluster that pulls from it; yield kubeconfig, releases and the helm program."""
    ready = everything()
    with registry.running(ready.engine, folder / "registry") as served:
        publisher = publishing.publisher(served.host)
        publisher.build_image(IMAGE, "1", HERE / "charts" / "echo-image")
        cluster = KindProvider(ready).create(name)
        try:
            cluster.connect_mirror(served.cluster_url)
            yield cluster.kubeconfig, Releases(served.url, publisher), str(ready.helm)
        finally:
            cluster.delete()


class AgentWorld:
    """One cluster, one control plane, and the agent as a process of this machine."""

    def __init__(self, folder: Path, kubeconfig: Path, releases: Releases, helm: str) -> None:
        self.folder = folder
        self.kubeconfig = kubeconfig
        self.releases = releases
        self.helm = helm
        self.kube = connect(Access(str(kubeconfig)))
        self.control_plane = ControlPlane(folder / "control-plane")
        for namespace in ("echo", "tidegate-agent"):
            self.ensure_namespace(namespace)

    def ensure_namespace(self, name: str) -> None:
        with contextlib.suppress(Conflict):
            self.kube.create("Namespace", None, {"metadata": {"name": name}})

    def environment(self, **settings: str) -> dict[str, str]:
        """Return the agent's environment."""
        given = {
            "URL": self.control_plane.url,
            "JOIN_TOKEN": self.control_plane.token.encode(),
            "NAMESPACES": "echo",
            "POLL_SECONDS": "1",
            "KUBECONFIG": str(self.kubeconfig),
            "REGISTRY_MIRRORS": msgspec.json.encode({"*": self.releases.url}).decode(),
            "DATA_DIR": str(self.folder / "data"),
            "LISTEN": "",
            "HELM": self.helm,
        }
        return os.environ | {f"TIDEGATE_AGENT_{key}": value for key, value in (given | settings).items()}

    def start(self, *, die_after: int = 0, **settings: str) -> subprocess.Popen[bytes]:
        """Start the agent; with ``die_after`` it is killed right after that journal write."""
        log = (self.folder / "agent.log").open("ab")
        command = [sys.executable, str(HERE / "killed_agent.py"), str(die_after)]
        return subprocess.Popen(command, env=self.environment(**settings), stdout=log, stderr=log)

    def ask(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of the agent's, as a person would in its pod."""
        command = [sys.executable, "-m", "cluster_agent", *arguments]
        return subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=False)

    def state(self) -> State:
        found = self.kube.get("ConfigMap", "tidegate-agent", "tidegate-agent-journal")
        return msgspec.json.decode(found["data"]["state.json"], type=State) if found else State()

    def page(self) -> str:
        """Return the text that the web server was configured with: what runs, seen from outside the agent."""
        found = self.kube.get("ConfigMap", "echo", "echo-page")
        return found["data"]["index.html"] if found else ""

    def shell(self, script: str) -> str:
        """Run a script in the application's store."""
        said: list[bytes] = []
        code, complaints = self.kube.exec("echo", "echo-store-0", "store", ("sh", "-c", script), stdout=said.append)
        assert code == 0, complaints
        return b"".join(said).decode()

    def wait(self, what: Any, seconds: float = 90.0) -> Any:
        """Return the first true value of ``what()``; fail with the agent's log where it never comes."""
        deadline = time.monotonic() + seconds
        while not (value := what()):
            assert time.monotonic() < deadline, (self.folder / "agent.log").read_text()[-6000:]
            time.sleep(0.2)
        return value

    def kept(self) -> dict[str, str]:
        """Return claims and the chart's own secret, by name, with what tells one from another made later."""
        claims = {one["metadata"]["name"]: one for one in self.kube.list("PersistentVolumeClaim", "echo")}
        secret = self.kube.get("Secret", "echo", "echo-kept")
        found = {**claims, **({"secret/echo-kept": secret} if secret else {})}
        return {name: one["metadata"]["uid"] for name, one in found.items()}

    def run_helm(self, *arguments: str) -> None:
        """Run Helm as a person would."""
        command = [self.helm, *arguments, "--kubeconfig", str(self.kubeconfig), "-n", "echo"]
        subprocess.run(command, check=True, capture_output=True)

    def hooks_ran(self) -> dict[str, str]:
        """Return by hook the digest of the image that its newest pod ran."""
        pods = sorted(
            self.kube.list("Pod", "echo", labels="hook"), key=lambda pod: str(pod["metadata"]["creationTimestamp"])
        )
        ran = {pod["metadata"]["labels"]["hook"]: pod["status"]["containerStatuses"][0]["imageID"] for pod in pods}
        return {hook: image.partition("@")[2] for hook, image in ran.items()}

    def uninstall(self) -> None:
        """Remove what was installed, and what hooks left."""
        self.run_helm("uninstall", "echo", "--ignore-not-found", "--wait", "--no-hooks")
        for job in self.kube.list("Job", "echo", labels="hook", metadata_only=True):
            self.kube.delete("Job", "echo", job["metadata"]["name"])
        self.kube.delete("Pod", "echo", "echo-probe")
        self.kube.delete("Secret", "echo", "echo-kept")
        for claim in self.kube.list("PersistentVolumeClaim", "echo", metadata_only=True):
            self.kube.delete("PersistentVolumeClaim", "echo", claim["metadata"]["name"])
        self.wait(lambda: not self.kept())

    def forget(self) -> None:
        """Remove what the agent remembers and what it installed."""
        self.uninstall()
        self.kube.delete("ConfigMap", "tidegate-agent", "tidegate-agent-journal")
        for what in ("identity", "trust"):
            self.kube.delete("Secret", "tidegate-agent", f"tidegate-agent-{what}")
