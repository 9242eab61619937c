"""Doing what was planned for an application that left its channel: intent into the journal, one action, observe again.

What does not work is said once and tried again after a while; a release that cannot be removed goes on running.
"""

from datetime import UTC, datetime
from typing import Protocol

from msgspec.structs import replace

from cluster_agent import decisions, lifecycle
from cluster_agent.applying import removal as removals
from cluster_agent.applying.helm import HelmDriver
from cluster_agent.applying.kube import Denied, Kube
from cluster_agent.backup.snapshots import Snapshots
from cluster_agent.books import Books
from cluster_agent.errors import ChangeFailed, Unreachable, Untrusted
from cluster_agent.state import ApplicationState, Removal, Settled

RETRY_SECONDS = 300.0


class Surroundings(Protocol):
    """What leaving acts on."""

    kube: Kube
    helm: HelmDriver
    snapshots: Snapshots


class Leaver:
    """One step at a time; ``books`` are those of the worker."""

    def __init__(self, around: Surroundings, books: Books) -> None:
        self._around = around
        self._books = books

    def act(self, name: str, said: decisions.Said | None, action: decisions.Leaving) -> None:
        """Do ``action``. Raises ``Unreachable``, ``Conflict`` or ``Untrusted``: later."""
        state = self._books.state(name)
        match action:
            case decisions.TakeUp():
                self._books.save(name, lifecycle.left(state, 0))
            case decisions.AbandonRemoval():
                self._books.save(name, lifecycle.removal_abandoned(state))
            case decisions.Leave() if said is not None:
                self._leave(name, state, said.generation, action)
            case decisions.StageRemoval() if isinstance(said, decisions.Left):
                self._books.save(name, lifecycle.removal_staged(state, said, datetime.now(UTC)))
            case decisions.BackUpLast():
                self._back_up(name, state, *_in_the_works(state))
            case decisions.Uninstall():
                self._uninstall(name, said, state, *_in_the_works(state))
            case decisions.Removed():
                self._removed(name, said, state)

    def _leave(self, name: str, state: ApplicationState, generation: int, action: decisions.Leave) -> None:
        self._books.save(
            name,
            lifecycle.left(state, generation),
            outcome="left",
            generation=generation,
            code=action.code,
            message=action.reason,
        )

    def _back_up(self, name: str, state: ApplicationState, settled: Settled, removal: Removal) -> None:
        now = datetime.now(UTC)
        snapshot_id = f"{removal.generation}-{settled.release}-left-{removal.started_at:%Y%m%d%H%M%S}"
        try:
            self._around.snapshots.back_up(
                self._around.kube,
                name,
                settled.namespace,
                settled.backup,
                snapshot_id,
                release=settled.release,
                now=now,
            )
        except (ChangeFailed, Denied) as error:
            raise Untrusted("backup_failed", f"it stays until its backup works: {error.message}") from error
        self._books.save(name, replace(state, removal=replace(removal, snapshot=snapshot_id)))

    def _uninstall(
        self, name: str, said: decisions.Said | None, state: ApplicationState, settled: Settled, removal: Removal
    ) -> None:
        self._books.save(name, replace(state, removal=replace(removal, phase="removing")))
        around, limit = self._around, float(settled.timeout_seconds)
        try:
            removals.remove(around.helm, around.kube, settled.namespace, name, timeout=limit)
        except (ChangeFailed, Denied) as error:
            generation, words = said.generation if said else removal.generation, f"not uninstalled: {error.message}"
            self._books.say_once(name, outcome="failed", generation=generation, code=error.code, message=words)
            raise Unreachable(error.message, RETRY_SECONDS, error.code) from error

    def _removed(self, name: str, said: decisions.Said | None, state: ApplicationState) -> None:
        removal = state.removal
        words = "it is not installed any more"
        if removal is not None:
            saved = f"; its backup {removal.snapshot} is in the agent's data directory" if removal.snapshot else ""
            words = f"uninstalled, as this cluster's rules say; its claims and secrets stay{saved}"
        generation = removal.generation if removal else state.left or (said.generation if said else 0)
        gone = lifecycle.removed(state)
        self._books.save(
            name,
            gone,
            outcome="uninstalled",
            about=state.settled,
            generation=generation,
            code="uninstalled",
            message=words,
        )


def _in_the_works(state: ApplicationState) -> tuple[Settled, Removal]:
    if state.settled is None or state.removal is None:
        raise ValueError("no removal is in the works")
    return state.settled, state.removal
