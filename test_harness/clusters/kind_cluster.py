"""One kind cluster of one node: made, changed and removed through pytest-kind, kubectl and the Docker Engine."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_kind import KindCluster

from test_harness.clusters import ClusterError, namespaces, owners
from test_harness.clusters.freezer import thaw
from test_harness.clusters.kind_config import (
    cluster_config,
    mirror_hosts,
    pull_accounts,
    pull_script,
    trusted_host,
    wrapper_script,
)
from test_harness.clusters.network import ensure_network
from test_harness.offline.cache import cache_dir
from test_harness.offline.commands import run, tail
from test_harness.offline.errors import ProvisioningError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from test_harness.offline.prepare import Ready

_READY_SECONDS = 90
_HOSTS = "/etc/containerd/certs.d"


class _QuietKind(KindCluster):  # type: ignore[misc]  # pytest-kind ships no types
    """pytest-kind's cluster, without the folder that it makes in the working directory."""

    def __init__(self, name: str, kubeconfig: Path, image: str | None, kind: Path, kubectl: Path) -> None:
        self.name = name
        self.path = kubeconfig.parent
        self.kubeconfig_path = kubeconfig
        self.image = image
        self.kind_path = kind
        self.kubectl_path = kubectl


class OwnCluster:
    """One kind cluster of one node."""

    def __init__(self, name: str, ready: Ready) -> None:
        self.name = name
        self._ready = ready
        self._engine = ready.engine
        self._folder = cache_dir() / "clusters" / name
        self._kind = _QuietKind(name, self.kubeconfig, ready.node_image, self._folder / "kind", ready.kubectl)

    @property
    def kubeconfig(self) -> Path:
        """See `Cluster`."""
        return self._folder / "kubeconfig"

    @property
    def node(self) -> str:
        """The Docker container that is the cluster's one node."""
        return f"{self.name}-control-plane"

    def exists(self) -> bool:
        """Whether the node's container is there, running or not."""
        label = f"label=io.x-k8s.kind.cluster={self.name}"
        return bool(self._engine.docker("ps", "--all", "--quiet", "--filter", label).strip())

    def create(self, owner: str) -> None:
        """Make it and wait until the node is ready and pods can be made."""
        self._write_folder()
        owners.mark(self._engine, self.name, owner)
        ensure_network(self._engine)
        config = self._folder / "config.yaml"
        config.write_text(cluster_config(patched=self._ready.decision.kubeadm_patches))
        self._with_kind(lambda: self._kind.create(config))
        self.wait_until_ready()

    def wait_until_ready(self, *, seconds: float = _READY_SECONDS) -> None:
        """Return when the API server answers, the node is ready and the default service account is there."""
        deadline = time.monotonic() + seconds
        while True:
            complaint = self._complaint()
            if not complaint:
                return
            if time.monotonic() > deadline:
                raise ClusterError(f"cluster {self.name} was not ready after {seconds:.0f} s: {complaint}")
            time.sleep(0.1)

    def kubectl(self, *arguments: str | Path, text_in: str | None = None, timeout: float = 120) -> str:
        """What `kubectl ARGUMENTS…` prints for this cluster."""
        command = [self._ready.kubectl, "--kubeconfig", self.kubeconfig, *arguments]
        return _asked(lambda: run(command, text_in=text_in, timeout=timeout))

    def helm(self, *arguments: str | Path, timeout: float = 120) -> str:
        """What `helm ARGUMENTS…` prints for this cluster."""
        command = [self._ready.helm, "--kubeconfig", self.kubeconfig, *arguments]
        return _asked(lambda: run(command, timeout=timeout))

    def claim_namespace(self, namespace: str) -> None:
        """See `Cluster`."""
        namespaces.claim(self, namespace, f"cluster {self.name}")

    def load_image(self, *images: str) -> None:
        """See `Cluster`. pytest-kind loads one at a time; together their common layers go once."""
        command: list[str | Path] = [self._kind.kind_path, "load", "docker-image", "--name", self.name, *images]
        self._with_kind(lambda: subprocess.run(command, check=True))

    def connect_mirror(self, base_url: str | None, host: str = "_default") -> None:
        """See `Cluster`. containerd reads the file at each pull, so nothing is restarted."""
        if base_url is None:
            self._on_node("rm", "-rf", f"{_HOSTS}/{host}")
        else:
            self._write_hosts(host, mirror_hosts(base_url))

    def trust_registries(self, hosts: Iterable[str], authority: str) -> None:
        """See `Cluster`."""
        self._on_node("sh", "-ec", f"mkdir -p {_HOSTS} && cat > {_HOSTS}/authority.crt", text_in=authority)
        for host in hosts:
            self._write_hosts(host, trusted_host(host, f"{_HOSTS}/authority.crt"))

    def log_in(self, accounts: Mapping[str, tuple[str, str]]) -> None:
        """See `Cluster`. They come in through a pipe, lie in the node's memory, and go with it."""
        if accounts:
            self._on_node("sh", "-ec", pull_script(accounts), text_in=pull_accounts(accounts))
            self.wait_until_ready()

    def _write_hosts(self, host: str, text: str) -> None:
        folder = shlex.quote(f"{_HOSTS}/{host}")
        script = f"mkdir -p {folder} && cat > {folder}/.part && mv {folder}/.part {folder}/hosts.toml"
        self._on_node("sh", "-ec", script, text_in=text)

    def pause(self) -> None:
        """See `Cluster`."""
        _asked(lambda: self._engine.docker("pause", self.node))

    def resume(self) -> None:
        """See `Cluster`."""
        _asked(lambda: self._engine.docker("unpause", self.node))
        self.wait_until_ready()

    def cut_network(self) -> None:
        """See `Cluster`. The node's link goes down: Docker's own disconnect would give it another address later."""
        self._on_node("sh", "-ec", "ip -4 route show default > /run/tidegate-route && ip link set eth0 down")

    def restore_network(self) -> None:
        """See `Cluster`."""
        self._on_node("sh", "-ec", "ip link set eth0 up && ip route replace $(cat /run/tidegate-route)")

    def kill(self) -> None:
        """Stop the node at once, as a power cut would; `delete` removes what remains."""
        _asked(lambda: self._engine.docker("kill", self.node))

    def logs(self, to: Path) -> None:
        """See `Cluster`."""
        to.mkdir(parents=True, exist_ok=True)
        if (self._folder / "kind.log").exists():
            shutil.copyfile(self._folder / "kind.log", to / "kind.log")
        _asked(lambda: run([self._kind.kind_path, "export", "logs", "--name", self.name, to]))

    def delete(self) -> None:
        """See `Cluster`."""
        if self.exists():
            self._write_folder()
            self._remove_node()
        owners.unmark(self._engine, self.name)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _remove_node(self) -> None:
        try:
            self._with_kind(self._kind.delete)
        except ClusterError:
            containers = self._engine.docker(
                "ps", "--all", "--quiet", "--no-trunc", "--filter", f"name=^{self.node}$"
            ).split()
            if not any(thaw(container) for container in containers):
                raise
            self._with_kind(self._kind.delete)

    def _complaint(self) -> str:
        """What the cluster still lacks; empty where nothing."""
        question = ["get", "nodes,serviceaccounts", "--namespace=default", "--output=json", "--request-timeout=5s"]
        try:
            return lacking(json.loads(self.kubectl(*question))["items"])
        except ClusterError as error:
            return str(error)

    def _on_node(self, *command: str, text_in: str | None = None) -> None:
        _asked(lambda: self._engine.docker("exec", "--interactive", self.node, *command, text_in=text_in or ""))

    def _write_folder(self) -> None:
        """pytest-kind starts kind with this process's environment: a script gives it the engine and takes its output."""
        self._folder.mkdir(parents=True, exist_ok=True)
        told = self._engine.environment()
        chosen = {name: value for name, value in told.items() if name in {"PATH", "DOCKER_HOST"}}
        script = self._folder / "kind"
        script.write_text(wrapper_script(str(self._ready.kind), chosen, str(self._folder / "kind.log")))
        script.chmod(0o755)

    def _with_kind(self, action: Callable[[], object]) -> None:
        try:
            action()
        except (subprocess.CalledProcessError, OSError) as error:
            log = self._folder / "kind.log"
            said = tail(log.read_text()) if log.exists() else ""
            raise ClusterError(f"kind could not do it for cluster {self.name}: {error}\n{said}") from error


def lacking(objects: list[dict[str, Any]]) -> str:
    """PURE: what a cluster with these nodes and service accounts lacks before pods can be made; empty where nothing."""
    nodes = [each for each in objects if each["kind"] == "Node"]
    if not nodes:
        return "there is no node yet"
    for node in nodes:
        ready: dict[str, str] = next((c for c in node["status"].get("conditions", []) if c["type"] == "Ready"), {})
        if ready.get("status") != "True":
            return ready.get("message") or f"node {node['metadata']['name']} is not ready"
    if not any(each["kind"] == "ServiceAccount" and each["metadata"]["name"] == "default" for each in objects):
        return "the default service account is not there yet"
    return ""


def _asked(action: Callable[[], str]) -> str:
    """Run it; what the machine refuses is the cluster's error here."""
    try:
        return action()
    except ProvisioningError as error:
        raise ClusterError(str(error)) from error
