"""The control plane's chart in a real cluster: PostgreSQL and Redis beside it, Secrets as docs/production.md makes them."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from test_harness import images
from test_harness.forwarding import Forwards
from test_harness.kubectl import Kubectl
from test_harness.offline.commands import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from test_harness.clusters.kind_cluster import OwnCluster
    from test_harness.offline.prepare import Ready

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "tidegate"
PUBLIC_URL = "http://tidegate.test"
SERVERS = {"postgres": (5432, "examples/postgres/Dockerfile"), "redis": (6379, "docker/redis.Dockerfile")}
NEXT_VERSION = """
from alembic import op

revision, down_revision = "9999", "{head}"
branch_labels = depends_on = None

def upgrade():
    op.execute("CREATE TABLE of_the_next_version (id integer)")
"""


@dataclass
class ChartWorld:
    """One cluster with what the chart needs; ``helm`` and ``tidegate`` act on it as an operator's would."""

    cluster: OwnCluster
    ready: Ready
    folder: Path
    mirror: str
    password: str = field(default_factory=lambda: secrets.token_hex(12))

    def __post_init__(self) -> None:
        self.kubectl = self.cluster.kubectl
        self.forwards = Forwards(Kubectl(self.cluster.kubeconfig, NAMESPACE, program=str(self.ready.kubectl)))

    def prepare(self, *versions: str) -> None:
        """Put the images into the node, start the servers and make the Secrets. ``versions`` are the control plane's images."""
        self.kubectl("create", "namespace", NAMESPACE)
        names = {server: f"tidegate.local/{server}:chart" for server in SERVERS}
        for server, (_, dockerfile) in SERVERS.items():
            images.build(
                self.ready.engine,
                ROOT / dockerfile,
                (ROOT / dockerfile).parent,
                names[server],
                base=self.ready.base_image,
            )
        self.cluster.load_image(*names.values(), *versions)
        self.kubectl("apply", "--filename", "-", text_in=yaml.safe_dump_all(self._servers(names)))
        self._make_secrets()
        self.kubectl("-n", NAMESPACE, "rollout", "status", "deploy/postgres", "deploy/redis", "--timeout=120s")

    def values(self, image: str) -> dict[str, Any]:
        """What the operator writes down: no secret is in it."""
        repository, _, tag = image.rpartition(":")
        return {
            "publicUrl": PUBLIC_URL,
            "allowedHosts": ["127.0.0.1"],
            "image": {"repository": repository, "tag": tag},
            "database": {"existingSecret": "tidegate-servers", "key": "database"},
            "broker": {"existingSecret": "tidegate-servers", "key": "broker"},
            "keys": {"rootSecret": "tidegate-root-key", "onlineSecret": "tidegate-online-key"},
            "rehearsals": {"kubeconfigSecret": "rehearsals"},
            "persistence": {"size": "1Gi"},
            "web": {"replicas": 2},
            "settings": {"registry_mirrors": {"*": self.mirror}, "lease_seconds": 12},
        }

    def helm(self, *arguments: str, values: dict[str, Any]) -> str:
        """What helm prints for the release ``tidegate``."""
        file = self.folder / "values.yaml"
        file.write_text(yaml.safe_dump(values))
        ask = [self.ready.helm, "--kubeconfig", self.cluster.kubeconfig, "--namespace", NAMESPACE, *arguments]
        return run([*ask, "--values", file], timeout=300)

    def tidegate(self, *arguments: str) -> str:
        """What ``tidegate`` prints on the operator's machine, against the Service."""
        token = self.folder / "token"
        token.write_text(self.exec("deploy/tidegate-web", "cat", "/var/lib/tidegate/data/cli-token"))
        told = os.environ | {"TIDEGATE_URL": self.url, "TIDEGATE_TOKEN_FILE": str(token)}
        program = [sys.executable, "-m", "control_plane", *arguments]
        return subprocess.run(program, env=told, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    def read(self, *arguments: str) -> Any:
        """The JSON that ``tidegate`` prints."""
        return json.loads(self.tidegate(*arguments, "-o", "json"))

    @property
    def url(self) -> str:
        """The Service on this machine's loopback."""
        return f"http://127.0.0.1:{self.forwards.local_port('tidegate', 8080)}"

    def exec(self, workload: str, *command: str) -> str:
        """What a command prints in a pod of the workload."""
        return self.kubectl("-n", NAMESPACE, "exec", workload, "--", *command)

    def pods(self, part: str) -> list[dict[str, Any]]:
        """The pods of a part of the control plane."""
        label = f"app.kubernetes.io/name=tidegate,app.kubernetes.io/component={part}"
        return list(json.loads(self.kubectl("-n", NAMESPACE, "get", "pods", "-l", label, "-o", "json"))["items"])

    def sql(self, query: str) -> str:
        """What PostgreSQL answers."""
        return self.exec("deploy/postgres", "psql", "-U", "tidegate", "-At", "-c", query).strip()

    def wait(self, what: str, probe: Callable[[], Any], *, seconds: float) -> Any:
        """Ask until there is something; fail with what the pods say."""
        deadline = time.monotonic() + seconds
        while not (found := probe()):
            assert time.monotonic() < deadline, f"{what}: not within {seconds} s\n{self.told()}"
            time.sleep(0.5)
        return found

    def told(self) -> str:
        """Pods, and the end of their logs."""
        ask = ["-n", NAMESPACE, "logs", "--selector", "app.kubernetes.io/name=tidegate", "--prefix", "--tail", "30"]
        return self.kubectl("-n", NAMESPACE, "get", "pods") + self.kubectl(*ask)

    def _servers(self, names: dict[str, str]) -> list[dict[str, Any]]:
        settings = {"POSTGRES_USER": "tidegate", "POSTGRES_DB": "tidegate", "POSTGRES_PASSWORD": self.password}
        containers = {
            "postgres": {"env": [{"name": key, "value": value} for key, value in settings.items()]},
            "redis": {"args": ["redis-server", "--save", "", "--requirepass", self.password, "--dir", "/tmp"]},
        }
        return [
            thing
            for name, container in containers.items()
            for thing in _server(name, SERVERS[name][0], {"image": names[name], **container})
        ]

    def _make_secrets(self) -> None:
        keys = self.folder / "keys"
        run([sys.executable, "-m", "control_plane", "keys", "new", keys], folder=ROOT)
        urls = {
            "database": f"postgresql://tidegate:{self.password}@postgres:5432/tidegate",
            "broker": f"redis://:{self.password}@redis:6379/0",
        }
        literals = [f"--from-literal={key}={url}" for key, url in urls.items()]
        (self.folder / "kubeconfig").write_text(self._rehearsal_kubeconfig())
        for name, sources in {
            "tidegate-servers": literals,
            "tidegate-root-key": [f"--from-file={keys / 'root.pem'}"],
            "tidegate-online-key": [f"--from-file={keys / 'online.pem'}"],
            "rehearsals": [f"--from-file={self.folder / 'kubeconfig'}"],
        }.items():
            self.kubectl("-n", NAMESPACE, "create", "secret", "generic", name, *sources)

    def _rehearsal_kubeconfig(self) -> str:
        """As docs/production.md makes it; the test cluster is this very one."""
        told = os.environ | {
            "KUBECONFIG": str(self.cluster.kubeconfig),
            "PATH": f"{self.ready.kubectl.parent}:{os.environ['PATH']}",
        }
        script = [ROOT / "scripts/rehearsal-kubeconfig", "--server", "https://kubernetes.default.svc"]
        return run(script, environment=told)


def _server(name: str, port: int, container: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    labels = {"app": name}
    probe = {"tcpSocket": {"port": port}, "periodSeconds": 1}
    pod = {"containers": [{"name": name, "readinessProbe": probe, **container}]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    about = {"name": name, "namespace": NAMESPACE}
    deployment = {"selector": {"matchLabels": labels}, "template": template}
    service = {"selector": labels, "ports": [{"port": port}]}
    return (
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": about, "spec": deployment},
        {"apiVersion": "v1", "kind": "Service", "metadata": about, "spec": service},
    )


def image_of_the_next_version(ready: Ready, image: str, work: Path) -> str:
    """Build the same program with one more migration; return the image's name."""
    head = max(file.name[:4] for file in (ROOT / "migrations/versions").glob("[0-9]*.py"))
    (work / "9999_next.py").write_text(NEXT_VERSION.format(head=head))
    place = "/opt/tidegate/lib/python3*/site-packages/control_plane/store/alembic/versions/"
    (work / "Dockerfile").write_text(
        f"ARG BASE\nFROM ${{BASE}}\nUSER root\nCOPY 9999_next.py /tmp/\nRUN mv /tmp/9999_next.py {place}\nUSER 65532:65532\n"
    )
    name = f"{image}-next"
    images.build(ready.engine, work / "Dockerfile", work, name, base=image)
    return name
