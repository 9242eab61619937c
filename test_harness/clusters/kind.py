"""Clusters of our own, by kind through pytest-kind: the default everywhere."""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from test_harness.clusters import NAME_PREFIX, ClusterError, owners
from test_harness.clusters.kind_cluster import OwnCluster
from test_harness.clusters.leftovers import remove_leftovers
from test_harness.offline.errors import ProvisioningError
from test_harness.offline.prepare import Ready, everything
from test_harness.offline.processes import this_process

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?")


@dataclass(frozen=True)
class KindProvider:
    """Makes kind clusters on this machine's engine, with what `prepare` made ready."""

    ready: Ready = field(default_factory=everything)

    def create(self, name: str, *, keep: bool = False) -> OwnCluster:
        """A new, ready cluster; see `ClusterProvider`. Refuses a name that is taken. Clears leftovers first."""
        full = _full(name)
        if not _NAME.fullmatch(full):
            raise ClusterError(
                f"{name!r} is no name for a cluster: up to 41 of a-z, 0-9 and -, ending in a letter or digit"
            )
        remove_leftovers(self.ready)
        cluster = OwnCluster(full, self.ready)
        if cluster.exists():
            raise ClusterError(f"cluster {full} exists already: delete it, or choose another name")
        owner = owners.KEPT if keep else owners.owner_of(this_process())
        with _cleaned_up(cluster):
            cluster.create(owner)
        return cluster

    def find(self, name: str) -> OwnCluster:
        """A cluster that was made before, by this process or another. Raises `ClusterError` where there is none."""
        cluster = OwnCluster(_full(name), self.ready)
        if not cluster.exists():
            raise ClusterError(f"there is no cluster {cluster.name}: `kind get clusters` lists those there are")
        return cluster


@contextmanager
def _cleaned_up(cluster: OwnCluster) -> Iterator[None]:
    """A cluster that could not be made whole leaves nothing behind."""
    try:
        yield
    except BaseException:
        with suppress(ClusterError, ProvisioningError):
            cluster.delete()
        raise


def _full(name: str) -> str:
    return name if name.startswith(NAME_PREFIX) else NAME_PREFIX + name
