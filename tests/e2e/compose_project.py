"""The compose project of this tree under a name of its own, brought up from images that are made before, and taken down whole."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import yaml

from test_harness import images
from test_harness.images.programs import build_program

if TYPE_CHECKING:
    from collections.abc import Callable

    from test_harness.offline.prepare import Ready

ROOT = Path(__file__).resolve().parents[2]
LABEL = "com.docker.compose.project"
SERVICES = {"web", "worker", "rehearsals", "beat", "postgres", "redis"}
HOME = "/var/lib/tidegate/data"


@dataclass
class Project:
    """One project. ``chosen`` are the variables that docker-compose.yml names."""

    name: str
    ready: Ready
    chosen: dict[str, str]
    override: Path

    @property
    def url(self) -> str:
        """Where the dashboard and the API are."""
        return f"http://127.0.0.1:{self.chosen['TIDEGATE_PORT']}"

    def compose(self, *arguments: str, check: bool = True) -> str:
        """What `docker compose ARGUMENTS…` prints."""
        files = ["--file", str(ROOT / "docker-compose.yml"), "--file", str(self.override)]
        return self._run([*_program(), *files, "--project-name", self.name, *arguments], check=check)

    def exec(self, service: str, *command: str) -> str:
        """What a command prints in the service's container."""
        return self.compose("exec", "-T", service, *command)

    def container(self, service: str) -> dict[str, Any]:
        """What Docker says about the service's container."""
        [described] = json.loads(self.docker("inspect", self.compose("ps", "--quiet", service).strip()))
        return described

    def docker(self, *arguments: str) -> str:
        """What `docker ARGUMENTS…` prints."""
        return self._run(["docker", *arguments])

    def traces(self) -> dict[str, list[str]]:
        """The project's containers, volumes and networks that there are."""
        ask = ["ls", "--quiet", "--filter", f"label={LABEL}={self.name}"]
        kinds: dict[str, list[str]] = {"container": ["--all"], "volume": [], "network": []}
        return {kind: self.docker(kind, *ask, *more).split() for kind, more in kinds.items()}

    def get(self, path: str) -> Any:
        """Read ``/api/v1/PATH`` with the token of the command line in the web container; None where it is not there."""
        token = self.exec("web", "cat", f"{HOME}/cli-token").strip()
        answer = httpx2.get(f"{self.url}/api/v1/{path}", headers={"Authorization": f"Bearer {token}"}, timeout=30)
        return None if answer.status_code == 404 else answer.raise_for_status().json()

    def wait(self, what: str, probe: Callable[[], Any], *, seconds: float) -> Any:
        """Ask until there is something; fail with the end of the project's logs."""
        deadline = time.monotonic() + seconds
        while not (found := probe()):
            assert time.monotonic() < deadline, f"{what}: not within {seconds} s\n{self.logs()}"
            time.sleep(0.3)
        return found

    def logs(self) -> str:
        """The end of every service's log."""
        return self.compose("logs", "--no-color", "--tail", "40", check=False)

    def _run(self, command: list[str], *, check: bool = True) -> str:
        environment = self.ready.engine.environment() | self.chosen
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or not check, f"{command[-4:]}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout


def make_project(ready: Ready, folder: Path, *, port: int, kubeconfig: str, mirror: str) -> Project:
    """A project whose rehearsals take place in the cluster of ``kubeconfig``, reached on kind's network. Not started yet."""
    name = f"tidegate-compose-{secrets.token_hex(3)}"
    chosen = {
        "TIDEGATE_IMAGE": build_program(ready, "control-plane"),
        "TIDEGATE_SECRETS": str(_write_secrets(folder / "secrets", kubeconfig)),
        "TIDEGATE_PORT": str(port),
        "TIDEGATE_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "TIDEGATE_REGISTRY_MIRRORS": json.dumps({"*": mirror}),
        "TIDEGATE_LEASE_SECONDS": "12",
    }
    return Project(name, ready, chosen | _servers(ready), _join_kind(folder / "kind-network.yml"))


def _program() -> list[str]:
    modern = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    assert modern or shutil.which("docker-compose"), "docker-compose is missing: apt-get install docker-compose"
    return ["docker", "compose"] if modern else ["docker-compose"]


def _write_secrets(folder: Path, kubeconfig: str) -> Path:
    """As docs/production.md says: files that every user may read, in a folder that only one may enter."""
    folder.mkdir(mode=0o700)
    texts = {
        "database-password": secrets.token_hex(16),
        "webhook-secret": secrets.token_hex(16),
        "kubeconfig": kubeconfig,
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o444)
    return folder


def _join_kind(file: Path) -> Path:
    """kind's clusters listen on a network of their own: the rehearsing container joins it."""
    networks = {"inside": None, "outside": None, "kind": None}
    file.write_text(
        yaml.safe_dump({"services": {"rehearsals": {"networks": networks}}, "networks": {"kind": {"external": True}}})
    )
    return file


def _servers(ready: Ready) -> dict[str, str]:
    """PostgreSQL and Redis of this tree where the published images cannot be pulled."""
    if ready.decision.mode == "online":
        return {}
    dockerfiles = {"POSTGRES": ROOT / "examples/postgres/Dockerfile", "REDIS": ROOT / "docker/redis.Dockerfile"}
    names = {server: f"tidegate.local/{server.lower()}:compose" for server in dockerfiles}
    for server, dockerfile in dockerfiles.items():
        images.build(ready.engine, dockerfile, dockerfile.parent, names[server], base=ready.base_image)
    return {f"TIDEGATE_{server}_IMAGE": name for server, name in names.items()}
