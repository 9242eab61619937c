"""A cluster that is there already: borrowed through a kubeconfig and a context, within namespaces that we made.

Nothing is done to its nodes or its network, and `delete` takes our namespaces away and leaves the rest.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from test_harness.clusters import ClusterError, namespaces
from test_harness.offline import binaries
from test_harness.offline.cache import cache_dir
from test_harness.offline.commands import run
from test_harness.offline.errors import ProvisioningError
from test_harness.scratch import remove_abandoned

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True)
class ExistingProvider:
    """Lends the cluster that `context` of `kubeconfig` names; None: that file's current context."""

    kubeconfig: Path
    context: str | None = None

    def create(self, name: str, *, keep: bool = False) -> BorrowedCluster:  # noqa: ARG002 - the protocol's words
        """The cluster, under `name` and a random end (others may count as we do) in messages and reports.

        What killed rehearsals left there is removed meanwhile. Raises `ClusterError` where it does not answer.
        """
        user = f"{name}-{secrets.token_hex(4)}"
        cluster = BorrowedCluster(user, _own_copy(self.kubeconfig, self.context, user))
        cluster.kubectl("get", "--raw", "/readyz", timeout=20)
        namespaces.keep_beating(cluster, cluster.deleted)
        namespaces.keep_sweeping(cluster, cluster.deleted)
        return cluster


@dataclass(frozen=True)
class BorrowedCluster:
    """A cluster of somebody's. What would change more than our namespaces is refused."""

    name: str
    kubeconfig: Path
    deleted: threading.Event = field(default_factory=threading.Event, compare=False)

    def kubectl(self, *arguments: str | Path, text_in: str | None = None, timeout: float = 120) -> str:
        """What `kubectl ARGUMENTS…` prints for this cluster."""
        return self._run(binaries.KUBECTL, *arguments, text_in=text_in, timeout=timeout)

    def helm(self, *arguments: str | Path, timeout: float = 120) -> str:
        """What `helm ARGUMENTS…` prints for this cluster."""
        return self._run(binaries.HELM, *arguments, timeout=timeout)

    def _run(
        self, program: binaries.Program, *arguments: str | Path, text_in: str | None = None, timeout: float
    ) -> str:
        try:
            command = [binaries.ensure(program), "--kubeconfig", self.kubeconfig, *arguments]
            return run(command, text_in=text_in, timeout=timeout)
        except ProvisioningError as error:
            raise ClusterError(f"cluster {self.name}: {error}") from error

    def claim_namespace(self, namespace: str) -> None:
        """See `Cluster`."""
        namespaces.claim(self, namespace, f"cluster {self.name}")

    def load_image(self, *images: str) -> None:
        """Refused: images reach a borrowed cluster through a registry."""
        raise ClusterError(
            f"{', '.join(images)} cannot be copied into {self.name}, which is not ours: push it to a registry it reads"
        )

    def connect_mirror(self, base_url: str | None, host: str = "_default") -> None:
        """Refused, unless there is none: a borrowed cluster's nodes keep their settings."""
        del host
        if base_url is not None:
            raise ClusterError(f"the nodes of {self.name} are not ours: set up the mirror {base_url} there yourself")

    def trust_registries(self, hosts: Iterable[str], authority: str) -> None:
        """Nothing: the nodes are somebody's, who says what they trust."""

    def log_in(self, accounts: Mapping[str, tuple[str, str]]) -> None:
        """Nothing: the nodes are somebody's, who gave them what they pull with. Nobody else's passwords are left there."""

    def pause(self) -> None:
        """Refused."""
        raise ClusterError(f"{self.name} is not ours: it cannot be paused")

    def resume(self) -> None:
        """Refused."""
        raise ClusterError(f"{self.name} is not ours: it was never paused")

    def cut_network(self) -> None:
        """Refused."""
        raise ClusterError(f"{self.name} is not ours: its network cannot be cut")

    def restore_network(self) -> None:
        """Refused."""
        raise ClusterError(f"{self.name} is not ours: its network was never cut")

    def logs(self, to: Path) -> None:
        """The logs of our namespaces; see `Cluster`."""
        to.mkdir(parents=True, exist_ok=True)
        ours = namespaces.names_of_ours(self)
        if ours:
            self.kubectl("cluster-info", "dump", "--namespaces", ",".join(ours), "--output-directory", to)

    def delete(self) -> None:
        """Remove the namespaces that we made, with what was installed from them, and forget the cluster. Deleting twice is no error.

        The beat goes on until they are gone: others would take them for left behind.
        """
        try:
            if self.kubeconfig.exists():
                namespaces.delete_ours(self)
                self.kubeconfig.unlink()
        finally:
            self.deleted.set()


def _own_copy(kubeconfig: Path, context: str | None, name: str) -> Path:
    """A kubeconfig with that context alone, so that nothing can reach another cluster by mistake."""
    chosen = ["--context", context] if context else []
    view = ["config", "view", "--minify", "--flatten", "--raw"]
    try:
        text = run([binaries.ensure(binaries.KUBECTL), "--kubeconfig", kubeconfig, *chosen, *view])
    except ProvisioningError as error:
        raise ClusterError(f"{kubeconfig} has no usable context {context or '(current)'}: {error}") from error
    own = cache_dir() / "clusters" / f"existing-{name}.kubeconfig"
    own.parent.mkdir(parents=True, exist_ok=True)
    sweep_copies(own.parent, time.time())
    own.touch(mode=0o600)
    own.write_text(text)
    return own


def sweep_copies(folder: Path, now: float) -> None:
    """Remove the copies that killed rehearsals left: they let their reader in. `now` in seconds since 1970."""
    remove_abandoned(folder.glob("existing-*.kubeconfig"), now)
