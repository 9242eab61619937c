"""A real OCI registry as a child process: written to on loopback, read by clusters at the gateway of their network.

Debian's `docker-registry` where it is installed, otherwise the `registry:2` container. Clusters get a second, read-only
door to the same data: nothing that runs in them can put an image under a name that others trust.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from test_harness.clusters import CREATED_BY
from test_harness.clusters.network import gateway_address
from test_harness.offline.commands import tail
from test_harness.offline.engine import SYSTEM_PATH
from test_harness.offline.errors import ProvisioningError
from test_harness.offline.processes import Process, process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from test_harness.offline.engine import Engine

LOOPBACK = "127.0.0.1"
_CONTAINER_IMAGE = "registry:2"
_START_SECONDS = 20


@dataclass(frozen=True)
class Webhook:
    """Whom the registry tells of each push: its URL, and a header that proves the sender."""

    url: str
    header: str
    secret: str


@dataclass(frozen=True)
class Registry:
    """A running registry."""

    host: str
    """`127.0.0.1:PORT`: for this machine, to read and write."""
    cluster_host: str
    """`ADDRESS:PORT`: for nodes and pods of kind clusters, to read."""
    processes: tuple[Process, ...] = ()
    container: str | None = None

    @property
    def url(self) -> str:
        """The base URL for this machine, such as http://127.0.0.1:5000."""
        return f"http://{self.host}"

    @property
    def cluster_url(self) -> str:
        """The base URL for `Cluster.connect_mirror` and for pods."""
        return f"http://{self.cluster_host}"

    def stop(self, engine: Engine) -> None:
        """End it; the data stays. Stopping twice is no error."""
        for each in self.processes:
            each.stop(patience=5)
        if self.container:
            engine.docker("rm", "--force", "--volumes", self.container)


def start(engine: Engine, data: Path, *, port: int = 0, webhook: Webhook | None = None) -> Registry:
    """A registry that answers, with its data under the folder `data`. `port` 0: a free one.

    A registry that a killed process left running on the same folder is stopped first.
    """
    data.mkdir(parents=True, exist_ok=True)
    stop_recorded(engine, data)
    port = port or free_port(LOOPBACK)
    program = shutil.which("docker-registry", path=SYSTEM_PATH)
    starter = _start_processes if program and sys.platform == "linux" else _start_container
    registry = starter(engine, data, port, webhook)
    _record(data, registry)
    return registry


@contextmanager
def running(engine: Engine, data: Path, *, port: int = 0, webhook: Webhook | None = None) -> Iterator[Registry]:
    """`start`, and `stop` at the end of the block."""
    registry = start(engine, data, port=port, webhook=webhook)
    try:
        yield registry
    finally:
        registry.stop(engine)


def configuration(data: Path, address: str, webhook: Webhook | None, *, read_only: bool) -> str:
    """The registry's configuration file, as JSON (which is YAML too)."""
    storage = {
        "filesystem": {"rootdirectory": str(data)},
        "delete": {"enabled": True},
        "maintenance": {"readonly": {"enabled": read_only}, "uploadpurging": {"enabled": False}},
    }
    config: dict[str, object] = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": storage,
        "http": {"addr": address, "secret": uuid.uuid4().hex},
    }
    if webhook and not read_only:
        endpoint = {
            "name": "tidegate",
            "url": webhook.url,
            "headers": {webhook.header: [webhook.secret]},
            "timeout": "5s",
            "threshold": 3,
            "backoff": "1s",
        }
        config["notifications"] = {"endpoints": [endpoint]}
    return yaml.safe_dump(config, sort_keys=False)


def free_port(address: str) -> int:
    """A TCP port of that address that is free now."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def _start_processes(engine: Engine, data: Path, port: int, webhook: Webhook | None) -> Registry:
    gateway = gateway_address(engine)
    doors = {f"{LOOPBACK}:{port}": False, f"{gateway}:{free_port(gateway)}": True}
    started: list[Process] = []
    try:
        for address, read_only in doors.items():
            config = data / ("reader.yml" if read_only else "writer.yml")
            _write_private(config, configuration(data / "blobs", address, webhook, read_only=read_only))
            started.append(_spawn(config, address))
    except BaseException:
        for each in started:
            each.stop(patience=2)
        raise
    host, cluster_host = doors
    return Registry(host, cluster_host, processes=tuple(started))


def _spawn(config: Path, address: str) -> Process:
    program = shutil.which("docker-registry", path=SYSTEM_PATH) or "docker-registry"
    log = config.with_suffix(".log")
    with log.open("wb") as output:
        child = subprocess.Popen(
            [program, "serve", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    started = process(child.pid)
    deadline = time.monotonic() + _START_SECONDS
    while started and child.poll() is None and time.monotonic() < deadline:
        if _answers(address):
            return started
        time.sleep(0.05)
    child.kill()
    raise ProvisioningError(f"the registry did not start at {address}; the end of {log}:\n{tail(log.read_text())}")


def _start_container(engine: Engine, data: Path, port: int, webhook: Webhook | None) -> Registry:
    config = data / "writer.yml"
    _write_private(config, configuration(data / "blobs", ":5000", webhook, read_only=False))
    name = f"tidegate-registry-{port}"
    mounts = ["--volume", f"{config}:/etc/docker/registry/config.yml:ro", "--volume", f"{data}:{data}"]
    gateway = gateway_address(engine)
    doors = ["--publish", f"{LOOPBACK}:{port}:5000"]
    if gateway[0].isdigit():
        doors += ["--publish", f"{gateway}:{port}:5000"]
    label = f"{CREATED_BY}=tidegate"
    engine.docker("run", "--detach", "--name", name, "--label", label, *mounts, *doors, _CONTAINER_IMAGE)
    registry = Registry(f"{LOOPBACK}:{port}", f"{gateway}:{port}", container=name)
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(registry.host):
        if time.monotonic() > deadline:
            said = engine.docker("logs", name)
            engine.docker("rm", "--force", "--volumes", name)
            raise ProvisioningError(f"the registry's container did not answer at {registry.host}:\n{tail(said)}")
        time.sleep(0.1)
    return registry


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/v2/", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _write_private(path: Path, text: str) -> None:
    """The webhook's secret is in it: for this user's eyes alone."""
    path.touch(mode=0o600)
    path.write_text(text)


def _record(data: Path, registry: Registry) -> None:
    known = {
        "processes": [[each.pid, each.started] for each in registry.processes],
        "container": registry.container,
    }
    (data / "registry.json").write_text(json.dumps(known))


def stop_recorded(engine: Engine, data: Path) -> None:
    """Stop the registry that a process, killed or not, left running on that folder."""
    try:
        known = json.loads((data / "registry.json").read_text())
        left = tuple(Process(pid, started) for pid, started in known["processes"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    Registry("", "", processes=left, container=known.get("container")).stop(engine)
