"""Control groups v1: groups that stayed frozen inside a container that is being killed.

runc freezes a pod's group for a moment while it sets it up. When the node is killed in that moment nobody is left to
thaw the group, and frozen processes do not die: Docker then says that it received no exit event.
"""

from __future__ import annotations

from pathlib import Path

from test_harness.offline.commands import as_root, run

_FREEZER = Path("/sys/fs/cgroup/freezer")


def thaw(container: str) -> bool:
    """Thaw every frozen group inside the container with that full id. False where there was none."""
    frozen = [state for state in _states(container) if state.read_text().strip() != "THAWED"]
    for state in sorted(frozen):  # the outer ones first: an inner one stays frozen while its parent is
        run(as_root(["tee", state]), text_in="THAWED\n")
    return bool(frozen)


def _states(container: str) -> list[Path]:
    return [state for state in _FREEZER.rglob("freezer.state") if any(container in part for part in state.parts)]
