"""Throw-away Kubernetes clusters: one protocol, two providers.

`kind` makes clusters of its own and is the default everywhere; `existing` borrows one that is there, within the
namespaces that it made itself. Whoever rehearses a release sees only the two protocols below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from test_harness.errors import CouldNotTell

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

CREATED_BY = "tidegate.dev/created-by"
"""Label on everything that this package makes, in Kubernetes as in Docker."""

NAME_PREFIX = "tidegate-"
"""Every cluster of ours carries it, so that `kind get clusters` tells them from a person's own."""


class ClusterError(CouldNotTell):
    """A cluster could not be made, reached or changed. Nothing is known about the release: the run is `errored`."""


class NotOurs(ClusterError):
    """Refused: the namespace or the cluster was not made by us."""


class Cluster(Protocol):
    """One running cluster. Every method returns when it is done and raises `ClusterError` when it cannot be."""

    @property
    def name(self) -> str:
        """The cluster's name; for kind it starts with `tidegate-`."""

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig file whose current context is this cluster; valid until `delete`."""

    def claim_namespace(self, namespace: str) -> None:
        """Make a namespace that is ours to fill and to delete. Refuses (`NotOurs`) one that others made."""

    def load_image(self, *images: str) -> None:
        """Copy images of the local Docker Engine into the cluster, under the same names."""

    def connect_mirror(self, base_url: str | None, host: str = "_default") -> None:
        """Pull every image of the registry `host` (default: of each) through `base_url` from now on (as seen from the nodes)."""

    def trust_registries(self, hosts: Iterable[str], authority: str) -> None:
        """Believe certificates of these registries that `authority` (PEM) has signed, beside the usual ones."""

    def log_in(self, accounts: Mapping[str, tuple[str, str]]) -> None:
        """Pull images of these repositories with user and password from now on."""

    def pause(self) -> None:
        """Freeze all processes; memory stays, the processor is given back."""

    def resume(self) -> None:
        """Thaw, and wait until the API server answers and the node is ready."""

    def cut_network(self) -> None:
        """Take the nodes off the network: no packet goes in or out until `restore_network`."""

    def restore_network(self) -> None:
        """Undo `cut_network`; the nodes keep their addresses."""

    def logs(self, to: Path) -> None:
        """Write the nodes' and pods' logs as files under the folder `to`."""

    def delete(self) -> None:
        """Remove the cluster and every trace of it. Deleting twice is no error."""


class ClusterProvider(Protocol):
    """Where clusters come from."""

    def create(self, name: str, *, keep: bool = False) -> Cluster:
        """A ready cluster of that name (`tidegate-` is put before it where it is missing).

        It belongs to the calling process and is removed as a leftover when that process is gone, unless `keep`.
        """
