"""What a person asks of the agent beside ``run``, from inside its pod: what it remembers, the backups it keeps, one of them put back.

Nothing here decides for the agent: a restore is refused while the agent changes the application, and where the data is of another release
than the one that runs, unless the person says that it may be.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from cluster_agent.applying.kube import Access, Kube, connect
from cluster_agent.backup.snapshots import Snapshot, Snapshots
from cluster_agent.errors import Conflict
from cluster_agent.journal import Journal, stored
from cluster_agent.settings import Settings
from cluster_agent.state import ApplicationState, State

OTHER_RELEASE = "--other-release"


def status(settings: Settings, *, as_json: bool) -> int:
    """Print what the journal says."""
    state = _remembered(settings, _kube(settings))
    return _print(state, _status_lines, as_json=as_json)


def backups(settings: Settings, *, as_json: bool) -> int:
    """Print the backups that are kept, the newest first."""
    return _print(_snapshots(settings).all(), _backup_lines, as_json=as_json)


def restore(settings: Settings, application: str, snapshot_id: str, *, other_release: bool) -> int:
    """Put a backup back. Raises ``Conflict`` where that would be unwise, ``ChangeFailed`` where it does not work."""
    kept = _snapshots(settings)
    snapshot, kube = kept.saved(application, snapshot_id), _kube(settings)
    known = _remembered(settings, kube).applications.get(application, ApplicationState())
    if words := unwise(known, snapshot, other_release=other_release):
        raise Conflict("not_restored", words)
    size = sum(one.size for one in snapshot.steps)
    sys.stderr.write(f"{application}: putting back {size} bytes of {len(snapshot.steps)} step(s) …\n")
    kept.restore(kube, snapshot)
    sys.stdout.write(f"{application} has the data of {snapshot.taken_at:%Y-%m-%d %H:%M:%S} UTC back.\n")
    return 0


def unwise(known: ApplicationState, snapshot: Snapshot, *, other_release: bool) -> str:
    """Return why this backup is not put back now, in words; empty where it may be."""
    if known.change or known.removal:
        return "the agent changes it now: wait until `tidegate-agent status` says idle, then again"
    runs = known.settled.release if known.settled else ""
    if runs and runs != snapshot.release and not other_release:
        return (
            f"the backup is of {snapshot.release}, but {runs} runs: add {OTHER_RELEASE} if {runs} can read that data. "
            "What is there now is lost, and the agent has no backup of it"
        )
    return ""


def _status_lines(state: State) -> Sequence[str]:
    lines = []
    for name, one in sorted(state.applications.items()):
        runs = f"{one.settled.release} (generation {one.settled.generation})" if one.settled else "nothing of ours"
        lines.append(
            f"{name}: runs {runs}; {f'{one.change.phase} {one.change.application.release}' if one.change else 'idle'}"
        )
        lines += [
            f"  {bad.release} did not work here: {bad.failure.code}: {bad.failure.message}" for bad in one.bad.values()
        ]
    return [*lines, f"reports waiting: {len(state.reports)}"]


def _backup_lines(found: Sequence[Snapshot]) -> Sequence[str]:
    lines = [
        f"{one.application}  {one.id}  data of {one.release}, taken {one.taken_at:%Y-%m-%d %H:%M:%S} UTC, "
        f"{sum(step.size for step in one.steps)} bytes"
        for one in found
    ]
    return lines or ["No backups yet: they are made before upgrades, by the `backup` steps of an application."]


def _print(what: Any, lines: Callable[[Any], Sequence[str]], *, as_json: bool) -> int:
    text = msgspec.json.format(msgspec.json.encode(what)).decode() if as_json else "\n".join(lines(what))
    sys.stdout.write(f"{text}\n")
    return 0


def _kube(settings: Settings) -> Kube:
    return connect(Access(settings.kubeconfig, settings.context))


def _snapshots(settings: Settings) -> Snapshots:
    return Snapshots(settings.backups_dir)


def _remembered(settings: Settings, kube: Kube) -> State:
    return Journal(stored(kube, settings, "ConfigMap", "journal")).load()
