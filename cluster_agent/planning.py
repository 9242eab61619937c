"""What to do next for one application. Pure: facts and ``now`` come in, one action comes out.

| where the change stands          | what is seen in the cluster                  | next                      |
|----------------------------------|----------------------------------------------|---------------------------|
| no change; wanted release runs   | our revision is the newest                   | Rest (or Confirm)         |
| no change; wanted release runs   | a person made a newer revision               | Wait ``drifted``          |
| no change; another one is wanted | bad here, held, halted, wave closed, …       | Wait with the reason      |
| no change; another one is wanted | nothing speaks against it                    | Stage                     |
| staged                           | no longer wanted or no longer allowed        | Abandon                   |
| staged                           | data to save before an unproven way back     | BackUp                    |
| staged                           | –                                            | Apply                     |
| applying                         | our revision is there, deployed              | Settle                    |
| applying                         | our revision is there, failed by itself      | RollBack                  |
| applying                         | nothing of ours, or cut off by a kill        | Apply (five times at most)|
| settling                         | –                                            | Settle                    |
| rolling_back                     | the way back was applied                     | Restore or SettleBack     |
| rolling_back                     | not yet                                      | RollBack                  |
| restoring                        | –                                            | Restore                   |
| settling_back                    | –                                            | SettleBack                |

A release that was bad here is not tried again; only another release digest is. A person's rollback or upgrade is never undone for the
same release. Whatever is in the works is brought to its end before anything new begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cluster_agent.applying.revisions import Revision, last_deployed, short_digest
from cluster_agent.contract import ApplicationManifest, RollbackContract, Rollout
from cluster_agent.contract.rollout import opens_for
from cluster_agent.state import ApplicationState, Change, Failure

MAX_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Policy:
    """The cluster's own rules; they can only be stricter than the channel."""

    cluster: str
    namespaces: frozenset[str]
    held: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the channel wants of one application, and who may take it now (None: nobody yet)."""

    application: ApplicationManifest
    channel: str
    generation: int
    rollout: Rollout | None


@dataclass(frozen=True, slots=True)
class Rest:
    """The wanted release runs; nothing to do."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do now, for a reason. ``forbidden``: rules say no, as against not yet. ``until``: look again then."""

    code: str
    reason: str
    until: datetime | None = None
    forbidden: bool = False


@dataclass(frozen=True, slots=True)
class Confirm:
    """A newer generation wants the release that runs already: look whether it is healthy and say so."""

    revision: int


@dataclass(frozen=True, slots=True)
class Stage:
    """Fetch and verify the chart, remember where we are."""

    contract: RollbackContract
    base: int
    back_to: int
    back_release: str


@dataclass(frozen=True, slots=True)
class Abandon:
    """Forget a staged change: nothing was touched yet."""


@dataclass(frozen=True, slots=True)
class BackUp:
    """Save the data of the release that runs."""


@dataclass(frozen=True, slots=True)
class Apply:
    """Install or upgrade."""


@dataclass(frozen=True, slots=True)
class Settle:
    """Wait until ``revision`` is healthy: then keep it, else roll back."""

    revision: int


@dataclass(frozen=True, slots=True)
class RollBack:
    """Apply the former revision again (``to`` 0: remove). ``failure`` says why, where the change does not know yet."""

    to: int
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Restore:
    """Put the saved data back."""


@dataclass(frozen=True, slots=True)
class SettleBack:
    """Wait until the former release is healthy again."""

    revision: int


Action = Rest | Wait | Confirm | Stage | Abandon | BackUp | Apply | Settle | RollBack | Restore | SettleBack


def plan(
    *,
    wanted: Wanted | None,
    revisions: Sequence[Revision],
    state: ApplicationState,
    policy: Policy,
    now: datetime,
) -> Action:
    """Return the next action for one application. ``revisions`` is Helm's history, oldest first, observed just now."""
    change = state.change
    if change is None:
        return _begin(wanted, revisions, state, policy, now)
    if change.phase == "staged" and _no_longer(wanted, change, policy, now):
        return Abandon()
    return _continue(change, revisions)


def _begin(
    wanted: Wanted | None, revisions: Sequence[Revision], state: ApplicationState, policy: Policy, now: datetime
) -> Action:
    if wanted is None:
        return Rest()
    application, newest = wanted.application, revisions[-1].number if revisions else 0
    if state.settled is not None and state.settled.release_digest == application.release_digest:
        if newest == state.settled.revision:
            return Rest() if state.settled.generation == wanted.generation else Confirm(newest)
        words = f"revision {newest} was made by a person after our {state.settled.revision}; it stays until another release comes"
        return Wait("drifted", words)
    if wait := _gate(wanted, state, policy, now):
        return wait
    if revisions and revisions[-1].pending and not revisions[-1].ours:
        return Wait("busy", f"somebody else's helm is working on release {application.name}")
    back = last_deployed(revisions)
    release = _release_of(back, state) if back else ""
    return Stage(_contract(application, release), newest, back.number if back else 0, release)


def _gate(wanted: Wanted, state: ApplicationState, policy: Policy, now: datetime) -> Wait | None:
    """Say what keeps the wanted release out: known bad, the cluster's own rules, the rollout."""
    application = wanted.application
    if bad := state.bad.get(application.release_digest):
        words = f"{application.release} did not work here (generation {bad.generation}): {bad.failure.message}"
        return Wait("known_bad", words, forbidden=True)
    if policy.held:
        return Wait("held", policy.held, forbidden=True)
    if application.namespace not in policy.namespaces:
        words = f"namespace {application.namespace!r} is not one that this agent serves: add it to `namespaces` of its chart"
        return Wait("namespace_not_served", words, forbidden=True)
    return _rollout_gate(wanted, policy, now)


def _rollout_gate(wanted: Wanted, policy: Policy, now: datetime) -> Wait | None:
    rollout = wanted.rollout
    if rollout is None or rollout.generation != wanted.generation:
        return Wait("no_rollout", f"generation {wanted.generation} has no rollout yet")
    if rollout.expires <= now:
        return Wait("stale_rollout", f"the rollout file expired at {rollout.expires:%Y-%m-%d %H:%M} UTC")
    if rollout.halted is not None:
        return Wait("halted", f"the rollout is halted: {rollout.halted.reason}")
    opens = opens_for(rollout, policy.cluster)
    if opens is None:
        return Wait("no_wave", "the rollout has no wave for this cluster yet")
    if opens > now:
        return Wait("wave_not_open", f"this cluster's wave opens at {opens:%Y-%m-%d %H:%M:%S} UTC", until=opens)
    return None


def _no_longer(wanted: Wanted | None, change: Change, policy: Policy, now: datetime) -> bool:
    if wanted is None or wanted.application.release_digest != change.application.release_digest:
        return True
    return _gate(wanted, ApplicationState(), policy, now) is not None


def _continue(change: Change, revisions: Sequence[Revision]) -> Action:
    if change.phase == "staged":
        return BackUp() if needs_backup(change) else Apply()
    if change.phase == "applying":
        return _after_apply(change, revisions)
    if change.phase == "settling":
        return Settle(change.revision)
    if change.phase == "rolling_back":
        return _after_rollback(change, revisions)
    if change.phase == "restoring":
        return Restore()
    return SettleBack(revisions[-1].number if revisions else 0)


def _after_apply(change: Change, revisions: Sequence[Revision]) -> Action:
    mine = next((one for one in reversed(revisions) if _made_by(change, one)), None)
    if mine is not None and mine.status == "deployed":
        return Settle(mine.number)
    if mine is not None and mine.status == "failed" and not mine.interrupted:
        return RollBack(change.back_to, Failure(code="helm_failed", message="Helm could not apply the release"))
    if change.attempts >= MAX_ATTEMPTS:
        words = f"the agent was stopped {change.attempts} times while it applied {change.application.release}"
        return RollBack(change.back_to, Failure(code="interrupted", message=words))
    return Apply()


def _after_rollback(change: Change, revisions: Sequence[Revision]) -> Action:
    newest = revisions[-1] if revisions else None
    if newest is None:
        # Nothing was there before, or the release was removed: nothing to settle.
        return SettleBack(0)
    if newest.number == change.base and change.back_to == change.base:
        return SettleBack(newest.number)
    if newest.number > change.base and newest.status == "deployed" and not _made_by(change, newest):
        return Restore() if needs_restore(change) else SettleBack(newest.number)
    return RollBack(change.back_to)


def _made_by(change: Change, revision: Revision) -> bool:
    wanted = short_digest(change.application.release_digest)
    return revision.number > change.base and revision.ours and revision.release == wanted


def needs_backup(change: Change) -> bool:
    """Say whether data must be saved first: there is some, and the way back is not proven to work without."""
    proven = change.contract == "reversible"
    return bool(change.application.backup) and change.back_to > 0 and not proven and not change.snapshot


def needs_restore(change: Change) -> bool:
    """Say whether the way back is known to need the data of before."""
    return change.contract in {"restore-required", "one-way"} and bool(change.snapshot) and not change.restored


def _contract(application: ApplicationManifest, from_release: str) -> RollbackContract:
    return next((edge.contract for edge in application.edges if edge.from_release == from_release), "unknown")


def _release_of(revision: Revision, state: ApplicationState) -> str:
    settled = state.settled
    return settled.release if settled and short_digest(settled.release_digest) == revision.release else ""
