"""The warm pool: clusters made ahead, frozen until they are taken, used once.

Any number of threads and processes may fill it and take from it: the lists are files under a lock. A waiting cluster
belongs to the process that made it and goes with it, as every cluster does (see `owners`).
"""

from __future__ import annotations

import json
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from test_harness.clusters import ClusterError, owners
from test_harness.offline.cache import cache_dir, locked
from test_harness.offline.processes import this_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from test_harness.clusters.kind import KindProvider
    from test_harness.clusters.kind_cluster import OwnCluster


@dataclass(frozen=True, kw_only=True)
class Pool:
    """`size` clusters kept ready under a name. `furnish` is done to each before it waits, such as connecting a mirror."""

    provider: KindProvider
    size: int = 1
    name: str = "warm"
    furnish: Callable[[OwnCluster], None] | None = None

    def fill(self) -> None:
        """Make clusters until `size` are waiting; 10 to 30 s each. One process at a time makes them."""
        with locked(self._folder / "fill.lock"):
            for _ in range(self.size - len(self.waiting())):
                self._add()

    def waiting(self) -> list[str]:
        """Names of the clusters that can be taken, the oldest first."""
        entries = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
        return [entry.stem for entry in entries]

    def take(self) -> OwnCluster:
        """A ready cluster that now belongs to the calling process: a waiting one in ≤ 1 s, else a new one."""
        while True:
            cluster = self._claim()
            if cluster is None:
                return self._make()
            with suppress(ClusterError):
                cluster.resume()
                return cluster
            cluster.delete()  # it did not survive its sleep

    def drain(self) -> None:
        """Delete every waiting cluster."""
        while (cluster := self._claim()) is not None:
            cluster.delete()

    def _add(self) -> None:
        cluster = self._make()
        cluster.pause()
        part = self._folder / f".{cluster.name}.part"
        part.write_text(json.dumps({"made": time.time()}))
        part.rename(self._folder / f"{cluster.name}.json")

    def _make(self) -> OwnCluster:
        cluster = self.provider.create(f"{self.name}-{uuid.uuid4().hex[:6]}")
        if self.furnish:
            self.furnish(cluster)
        return cluster

    def _claim(self) -> OwnCluster | None:
        with locked(self._folder / "take.lock"):
            for name in self.waiting():
                (self._folder / f"{name}.json").unlink()
                with suppress(ClusterError):  # its maker was killed, and it was removed as a leftover
                    cluster = self.provider.find(name)
                    owners.mark(self.provider.ready.engine, name, owners.owner_of(this_process()))
                    return cluster
        return None

    @property
    def _folder(self) -> Path:
        folder = cache_dir() / "pools" / self.name
        folder.mkdir(parents=True, exist_ok=True)
        return folder
