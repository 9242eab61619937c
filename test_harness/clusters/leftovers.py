"""What killed runs left behind: found by the markers beside each cluster, removed at the next start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from test_harness.clusters.kind_cluster import OwnCluster
from test_harness.clusters.owners import KEPT, Marker, markers
from test_harness.errors import CouldNotTell
from test_harness.offline.cache import cache_dir, locked
from test_harness.offline.progress import note

if TYPE_CHECKING:
    from test_harness.offline.engine import Engine
    from test_harness.offline.prepare import Ready


def remove_leftovers(ready: Ready, *, also_kept: bool = False) -> list[str]:
    """Delete every cluster of ours that has no living owner, and give their names. `also_kept`: kept ones too.

    One that cannot be removed now is said and left for the next time: it must not stop anybody's work.
    """
    if not leftover_names(ready.engine, also_kept=also_kept):
        return []
    with locked(cache_dir() / "locks" / "leftovers.lock"):
        return [name for name in leftover_names(ready.engine, also_kept=also_kept) if _is_removed(name, ready)]


def _is_removed(name: str, ready: Ready) -> bool:
    try:
        OwnCluster(name, ready).delete()
    except CouldNotTell as error:
        note(f"cluster {name} of a run that is gone could not be removed: {error}")
        return False
    return True


def leftover_names(engine: Engine, *, also_kept: bool = False) -> list[str]:
    """Names of marked clusters whose owners are all gone. A cluster without a marker is a person's: never touched."""
    known = markers(engine)
    owned = {mark.cluster for mark in known if not (mark.is_void() or (also_kept and mark.owner == KEPT))}
    return sorted({mark.cluster for mark in known} - owned)


def unseen(engine: Engine) -> list[Marker]:
    """Markers of clusters that only processes of other containers or machines own: whether those still run, nobody here knows."""
    known = markers(engine)
    seen = {mark.cluster for mark in known if mark.is_seen()}
    return [mark for mark in known if mark.cluster not in seen]
