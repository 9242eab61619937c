"""A control plane of the story: the ``tidegate up`` program in a process of its own, its CLI and its HTTP API."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from test_harness.demo.narrator import StoryFailed
from test_harness.offline.processes import Process, process

START_SECONDS = 60
ANSWER_SECONDS = 10


@dataclass(frozen=True)
class ControlPlane:
    """Where it keeps its data, where it listens (loopback and ``gateway``), and how it reads registries."""

    data: Path
    port: int
    gateway: str
    mirrors_here: dict[str, str]
    mirrors_in_pods: dict[str, str]
    helm: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Address for people on this machine."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def agents_url(self) -> str:
        """Address for agents in local clusters."""
        return f"http://{self.gateway}:{self.port}"

    @property
    def channel_files(self) -> Path:
        """The signed files."""
        return self.data / "tuf"

    @property
    def webhook_secret(self) -> Path:
        """File with the secret that the registry sends."""
        return self.data / "webhook-secret"

    @property
    def log(self) -> Path:
        """What the program prints."""
        return self.data.parent / "control-plane.log"

    def environment(self) -> dict[str, str]:
        """Settings of the program, and of the CLI beside it."""
        chosen = {
            "TIDEGATE_DATA_DIR": str(self.data),
            "TIDEGATE_PORT": str(self.port),
            "TIDEGATE_ALSO_LISTEN": json.dumps([self.gateway]),
            "TIDEGATE_ALLOWED_HOSTS": json.dumps([self.gateway]),
            "TIDEGATE_REGISTRY_MIRRORS": json.dumps(self.mirrors_here),
            "TIDEGATE_CLUSTER_REGISTRY_MIRRORS": json.dumps(self.mirrors_in_pods),
            "TIDEGATE_WEBHOOK_SECRET_FILE": str(self.webhook_secret),
            "TIDEGATE_HELM": str(self.helm),
            "TIDEGATE_WARM_CLUSTERS": "1",
        }
        return os.environ | chosen | self.settings

    def start(self) -> Process:
        """Start the program and wait until it serves. Returns its process."""
        begun = time.monotonic()
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "control_plane", "up"],
                env=self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        while not self._serves():
            if child.poll() is not None or time.monotonic() - begun > START_SECONDS:
                raise StoryFailed(f"the control plane did not start; its log ends with:\n{self.log_tail()}")
            time.sleep(0.05)
        started = process(child.pid)
        if started is None:
            raise StoryFailed(f"the control plane ended at once; its log ends with:\n{self.log_tail()}")
        return started

    def log_tail(self, lines: int = 15) -> str:
        """The end of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def first_password(self) -> str | None:
        """The password that was printed once at the first start; None where it is not in the log."""
        found = re.search(r"password (\S+)", self.log.read_text(errors="replace"))
        return found.group(1) if found else None

    def cli(self, *arguments: str | Path) -> Any:
        """Run ``tidegate ARGUMENTS… -o json`` and return what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "control_plane", *map(str, arguments), "-o", "json"],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            raise StoryFailed(
                f"tidegate {' '.join(map(str, arguments[:3]))} ended with {done.returncode}: {done.stderr}"
            )
        return json.loads(done.stdout)

    def get(self, path: str) -> Any:
        """Read ``/api/v1/PATH``; None while it is not there or nobody answers."""
        token = (self.data / "cli-token").read_text().strip()
        try:
            answer = httpx2.get(
                f"{self.url}/api/v1/{path}", headers={"Authorization": f"Bearer {token}"}, timeout=ANSWER_SECONDS
            )
        except httpx2.TransportError:
            return None
        if answer.status_code == 404:
            return None
        if not answer.is_success:
            raise StoryFailed(f"GET {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json()

    def _serves(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/readyz", timeout=ANSWER_SECONDS).is_success
        except httpx2.TransportError:
            return False


def kill(victim: Process) -> None:
    """End a process without warning."""
    if victim.is_alive():
        os.kill(victim.pid, signal.SIGKILL)
