"""Whose cluster it is, written where every process of this engine sees it: as labels of an empty Docker volume.

kind takes no labels of ours, and a file could be lost with the cache directory, so each cluster has marker volumes
beside it. A cluster whose owners are all gone is a leftover; one whose marker says `kept` stays until it is deleted.
Engines are shared: between containers by their socket, between machines by DOCKER_HOST. Whether a process of another
container or machine still runs cannot be seen from here, so what it owns is left alone.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from test_harness.clusters import CREATED_BY
from test_harness.offline.processes import Process, here

if TYPE_CHECKING:
    from test_harness.offline.engine import Engine

KEPT = "kept"
_CLUSTER = "tidegate.dev/cluster"
_OWNER = "tidegate.dev/owner"
_PLACE = "tidegate.dev/place"


@dataclass(frozen=True)
class Marker:
    """One owner of one cluster. `owner` is `kept` or `PID@START`; `place` is where that number counts (`processes.here`).

    Markers of former versions have no place: they are taken for ours, as they always were.
    """

    volume: str
    cluster: str
    owner: str
    place: str = ""

    def is_seen(self) -> bool:
        """Whether it can be told from here if it is void."""
        return self.owner == KEPT or self.place in ("", here())

    def is_void(self) -> bool:
        """Whether the process that it names is known to be gone."""
        if self.owner == KEPT or not self.is_seen():
            return False
        pid, _, started = self.owner.partition("@")
        return not (pid.isdecimal() and Process(int(pid), started).is_alive())


def owner_of(process: Process) -> str:
    """How a marker names a process."""
    return f"{process.pid}@{process.started}"


def mark(engine: Engine, cluster: str, owner: str) -> None:
    """Give the cluster to `owner` alone. The new marker is there before the old ones go, so none is ever missing."""
    before = [marker for marker in markers(engine) if marker.cluster == cluster]
    labels = [f"{CREATED_BY}=tidegate", f"{_CLUSTER}={cluster}", f"{_OWNER}={owner}", f"{_PLACE}={here()}"]
    volume = f"{cluster}-owner-{uuid.uuid4().hex[:8]}"
    engine.docker("volume", "create", *(word for label in labels for word in ("--label", label)), volume)
    _remove(engine, before)


def unmark(engine: Engine, cluster: str) -> None:
    """Remove every marker of a cluster that is no more."""
    _remove(engine, [marker for marker in markers(engine) if marker.cluster == cluster])


def markers(engine: Engine) -> list[Marker]:
    """Every marker on this engine."""
    columns = f'{{{{.Name}}}}\t{{{{.Label "{_CLUSTER}"}}}}\t{{{{.Label "{_OWNER}"}}}}\t{{{{.Label "{_PLACE}"}}}}'
    lines = engine.docker("volume", "ls", "--filter", f"label={_OWNER}", "--format", columns).splitlines()
    return [Marker(*line.split("\t")) for line in lines]


def _remove(engine: Engine, gone: list[Marker]) -> None:
    if gone:
        engine.docker("volume", "rm", "--force", *(marker.volume for marker in gone))
