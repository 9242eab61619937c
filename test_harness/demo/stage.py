"""Everything the story plays on: registry, control plane, the user's cluster and its agent; and how every trace of it goes.

What was started is written down before it is used, so that ``down`` finds it after a kill.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from test_harness import images
from test_harness.clusters.kind import KindProvider
from test_harness.clusters.kind_cluster import OwnCluster
from test_harness.clusters.leftovers import remove_leftovers
from test_harness.clusters.network import gateway_address, remove_network
from test_harness.demo.control_plane import ControlPlane
from test_harness.demo.narrator import Narrator, StoryFailed
from test_harness.images import registry as registries
from test_harness.images.programs import build_program
from test_harness.offline import engine
from test_harness.offline.prepare import Ready, everything
from test_harness.offline.processes import Process

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = "harbour"
CLUSTER_NAME = f"tidegate-{CLUSTER}"
AGENT_NAMESPACE = "tidegate-agent"
POLL_SECONDS = 2
WEBHOOK_HEADER = "X-Tidegate-Token"
ENGINE_MARK = "engine-was-started"
QUOTA = {"requests.memory": "1Gi", "requests.cpu": "2"}


def demo_folder() -> Path:
    """Where the demo keeps its data: ``TIDEGATE_DEMO_DIR``, by default beside the control plane's own."""
    return Path(os.environ.get("TIDEGATE_DEMO_DIR") or "~/.local/share/tidegate-demo").expanduser().absolute()


@dataclass
class Stage:
    """The demo's world. ``folder`` holds all its data; ``settings`` are given to the control plane besides."""

    narrator: Narrator
    folder: Path = field(default_factory=demo_folder)
    port: int = 8080
    agent_image: str = ""
    application: str = "miniflux"
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def example(self) -> Path:
        """The application's folder: chart, suite, application file. Its namespace has the application's name."""
        return ROOT / "examples" / self.application

    @cached_property
    def ready(self) -> Ready:
        """Programs, images, engine. An engine that is started for the story is written down, so that it goes with it."""
        if engine.find() is None:
            (self.folder / ENGINE_MARK).touch()
        return everything()

    @cached_property
    def control_plane(self) -> ControlPlane:
        """The control plane, running or not."""
        registry = self.registry
        return ControlPlane(
            data=self.folder / "control-plane",
            port=self.port,
            gateway=gateway_address(self.ready.engine),
            mirrors_here={"*": registry.url},
            mirrors_in_pods={"*": registry.cluster_url},
            helm=self.ready.helm,
            settings=self.settings,
        )

    @cached_property
    def registry(self) -> registries.Registry:
        """The registry, started when first asked for; it tells the control plane of each push."""
        hook = registries.Webhook(f"http://127.0.0.1:{self.port}/api/webhooks/registry", WEBHOOK_HEADER, self._secret())
        return registries.start(self.ready.engine, self.folder / "registry", webhook=hook)

    @cached_property
    def cluster(self) -> OwnCluster:
        """The user's cluster."""
        return KindProvider(self.ready).find(CLUSTER_NAME)

    def up(self, first: str) -> Process:
        """Bring up registry, control plane and the user's cluster, and publish the `first` version meanwhile.

        Returns the control plane's process.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.narrator.step("programs and images that clusters need are ready"):
            _ = self.ready
        with self.narrator.step("an OCI registry starts on loopback"):
            _ = self.registry
        with ThreadPoolExecutor(3) as threads:
            aside = (self._user_cluster, self._agent_image, lambda: self.publish(first))
            waited_for = [threads.submit(each) for each in aside]
            with self.narrator.step("the control plane starts: web, worker, schedule, SQLite in one process"):
                started = self.start_control_plane()
            self.narrator.tell(f"dashboard: {self.control_plane.url} · its log: {self.control_plane.log}")
            for each in waited_for:
                each.result()
        return started

    def _user_cluster(self) -> None:
        with self.narrator.step(f"a user's cluster comes up: {CLUSTER}"):
            cluster = KindProvider(self.ready).create(CLUSTER_NAME, keep=True)
            cluster.connect_mirror(self.registry.cluster_url)

    def _agent_image(self) -> None:
        with self.narrator.step("the agent's image is built from this tree"):
            self.agent_image = build_program(self.ready, "agent")
            images.push(self.ready.engine, self.agent_image, self.registry.host)

    def start_control_plane(self) -> Process:
        """Start it, and write down its process for ``down``."""
        (self.control_plane.data).mkdir(parents=True, exist_ok=True, mode=0o700)
        self._write_secret(self._secret())
        started = self.control_plane.start()
        _record(self.folder, started)
        return started

    def publish(self, version: str, *, broken: str | None = None, notify: bool = True) -> None:
        """Publish a version upstream, as Miniflux's project would. ``notify`` False: its webhook has a wrong secret."""
        if not notify:
            self._write_secret("not-what-the-registry-sends")
        with self.narrator.step(
            f"upstream publishes {self.application} {version}: chart and image pushed to the registry"
        ):
            _run(self._publishing(version, broken))
        if not notify:
            self.narrator.tell("its webhook came with a wrong secret: refused, so the poll has to find it")

    def build_ahead(self, *versions: tuple[str, str | None]) -> None:
        """Build what will be published as (version, how it is broken) while the machine has nothing else to do.

        Nobody waits for it, and a failure does not matter here: publishing builds what is missing.
        """

        def build() -> None:
            for version, broken in versions:
                command = ["nice", "-n", "19", *self._publishing(version, broken), "--build-only"]
                subprocess.run(command, capture_output=True, check=False, cwd=ROOT)

        threading.Thread(target=build, name="build-ahead", daemon=True).start()

    def accept_webhooks(self) -> None:
        """Give the control plane the right secret again."""
        self._write_secret(self._secret())

    def join_cluster(self) -> None:
        """Make a join token and install the agent, as the cluster's administrator would."""
        with self.narrator.step(f"an administrator installs the agent in {CLUSTER} with a one-time token"):
            made = self.control_plane.cli("cluster", "add", CLUSTER, "--channel", "stable")
            values = self.folder / "agent-values.json"
            values.touch(mode=0o600)
            values.write_text(json.dumps(self._agent_values(made["join_token"])))
            self.helm("install", "tidegate-agent", ROOT / "charts" / "tidegate-agent", "--namespace", AGENT_NAMESPACE,
                      "--create-namespace", "--values", values)  # fmt: skip
            values.unlink()

    def limit_user_cluster(self) -> None:
        """Give the application's namespace a quota, as an administrator of a shared cluster does."""
        quota = {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "team-budget", "namespace": self.application},
            "spec": {"hard": QUOTA},
        }
        with self.narrator.step(f"the administrator of {CLUSTER} sets a quota: {QUOTA['requests.memory']} of memory"):
            self.cluster.kubectl("apply", "-f", "-", text_in=json.dumps(quota))

    def let_agent_poll(self, times: int) -> None:
        """Wait until the agent has certainly polled so often."""
        time.sleep(times * POLL_SECONDS * 1.5)

    def suite_options(self, phase: str, version: str) -> list[str]:
        """Options with which our pytest plugin finds the user's cluster."""
        return [
            f"--tidegate-kubeconfig={self.cluster.kubeconfig}",
            f"--tidegate-namespace={self.application}",
            f"--tidegate-phase={phase}",
            f"--tidegate-release={version}",
            f"--tidegate-state={self.folder / 'suite-state.json'}",
            f"--tidegate-kubectl={self.ready.kubectl}",
        ]

    def helm(self, *arguments: str | Path) -> str:
        """Run helm against the user's cluster."""
        return _run([self.ready.helm, "--kubeconfig", self.cluster.kubeconfig, *arguments])

    def _agent_values(self, token: str) -> dict[str, Any]:
        repository, _, tag = self.agent_image.rpartition(":")
        return {
            "joinToken": token,
            "cluster": CLUSTER,
            "controlPlane": {"url": self.control_plane.agents_url},
            "namespaces": [self.application],
            "pollSeconds": POLL_SECONDS,
            "image": {"repository": repository, "tag": tag},
            "registryMirrors": {"*": self.registry.cluster_url},
        }

    def _publishing(self, version: str, broken: str | None) -> list[str | Path]:
        how = [] if broken is None else ["--broken", broken]
        program = f"examples.{self.application}.publish"
        return [sys.executable, "-m", program, version, *how, "--registry", self.registry.host]

    def _secret(self) -> str:
        kept = self.folder / "webhook-secret"
        if not kept.exists():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            kept.touch(mode=0o600)
            kept.write_text(secrets.token_urlsafe(24))
        return kept.read_text()

    def _write_secret(self, text: str) -> None:
        path = self.control_plane.webhook_secret
        path.touch(mode=0o600)
        path.write_text(text)


def down(folder: Path) -> list[str]:
    """Remove every trace: processes, clusters, registry, data, and an engine that was started for it.

    Returns what was removed, in words. An engine that was there before the story is never touched.
    """
    removed: list[str] = []
    for started in _recorded(folder):
        if started.is_alive():
            started.stop()
            removed.append(f"process {started.pid}")
    docker = engine.find()
    if docker is not None:
        ready = everything()
        OwnCluster(CLUSTER_NAME, ready).delete()
        removed += [f"cluster {name}" for name in (CLUSTER_NAME, *remove_leftovers(ready))]
        registries.stop_recorded(docker, folder / "registry")
        remove_network(docker)
        if (folder / ENGINE_MARK).exists() and engine.stop():
            removed.append("the Docker Engine that was started here")
    if folder.exists():
        shutil.rmtree(folder)
        removed.append(str(folder))
    return removed


def _record(folder: Path, started: Process) -> None:
    with (folder / "processes.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps([started.pid, started.started]) + "\n")


def _recorded(folder: Path) -> list[Process]:
    try:
        lines = (folder / "processes.jsonl").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [Process(*json.loads(line)) for line in lines]


def _run(command: list[str | Path]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode != 0:
        words = " ".join(str(word) for word in command[:4])
        raise StoryFailed(f"{words} … ended with {done.returncode}:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    return done.stdout
