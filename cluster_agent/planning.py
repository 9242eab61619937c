"""What to do next for one application. Pure: facts and ``now`` come in, one action comes out.

| where the change stands          | what is seen in the cluster                  | next                      |
|----------------------------------|----------------------------------------------|---------------------------|
| no change; wanted release runs   | our revision is the newest                   | Rest (or Confirm)         |
| no change; wanted release runs   | a person made a newer revision               | Wait ``drifted``          |
| no change; in the channel again  | –                                            | TakeUp                    |
| no change; left the channel      | see ``leaving``                              | see ``leaving``           |
| no change; needs a newer agent   | –                                            | Wait ``update_agent``     |
| no change; in another namespace  | the former one still has it, or is unseen    | Wait ``namespace_changed``|
| no change; in another namespace  | a person removed it from the former one      | Removed                   |
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
from datetime import datetime, timedelta

from cluster_agent import leaving
from cluster_agent.applying.revisions import Revision, is_gone, last_deployed, short_digest
from cluster_agent.contract import ApplicationManifest, RollbackContract
from cluster_agent.decisions import (
    Abandon,
    Action,
    Apply,
    BackUp,
    Confirm,
    Left,
    Policy,
    Removed,
    Rest,
    Restore,
    RollBack,
    Said,
    Settle,
    SettleBack,
    Stage,
    TakeUp,
    TooNew,
    Wait,
    Wanted,
)
from cluster_agent.gates import gate
from cluster_agent.state import ApplicationState, Change, Failure

MAX_ATTEMPTS = 5
# How a release can fail without ever having run.
REFUSALS = frozenset({"quota_exceeded", "policy_denied", "forbidden", "image_pull", "unschedulable"})
# Kubernetes forgets events after an hour.
EVENTS_LAST = timedelta(minutes=30)


def plan(
    *,
    name: str,
    said: Said | None,
    revisions: Sequence[Revision],
    state: ApplicationState,
    policy: Policy,
    now: datetime,
) -> Action:
    """Return the next action for one application.

    ``said`` is what the channel says of it (None: nothing that could be believed now); ``revisions`` is Helm's history, oldest first,
    observed just now.
    """
    if state.removal is not None:
        return leaving.carry_on(name, said, revisions, state.removal, state, policy, now)
    change = state.change
    if change is None:
        return _begin(name, said, revisions, state, policy, now)
    if change.phase == "staged" and _no_longer(said, change, policy, now):
        return Abandon()
    return _continue(change, revisions)


def _begin(
    name: str, said: Said | None, revisions: Sequence[Revision], state: ApplicationState, policy: Policy, now: datetime
) -> Action:
    match said:
        case None:
            return Rest()
        case Left():
            return leaving.begin(name, said, revisions, state, policy, now)
        case TooNew():
            words = f"{said.release} needs {', '.join(said.needs)}, which this agent cannot do: update the agent"
            return Wait("update_agent", words, forbidden=True)
        case Wanted():
            return TakeUp() if state.left else _towards(said, revisions, state, policy, now)


def namespace_of(said: Said | None, state: ApplicationState) -> str:
    """Return where the application is to be observed: where we deal with it already, else where it is wanted. Empty: nowhere yet."""
    if state.change is not None:
        return state.change.application.namespace
    if state.settled is not None and state.settled.namespace:
        return state.settled.namespace
    return said.application.namespace if isinstance(said, Wanted) else ""


def _towards(
    wanted: Wanted, revisions: Sequence[Revision], state: ApplicationState, policy: Policy, now: datetime
) -> Action:
    if moved := _elsewhere(wanted, revisions, state, policy):
        return moved
    application, newest = wanted.application, revisions[-1].number if revisions else 0
    if state.settled is not None and state.settled.whole and state.settled.release_digest == application.release_digest:
        if newest == state.settled.revision:
            # An earlier agent noted no namespace; leaving needs it.
            is_noted = state.settled.generation == wanted.generation and state.settled.namespace
            return Rest() if is_noted else Confirm(newest)
        words = f"revision {newest} was made by a person after our {state.settled.revision}; it stays until another release comes"
        return Wait("drifted", words)
    if wait := _gate(wanted, state, policy, now):
        return wait
    if revisions and revisions[-1].pending and not revisions[-1].ours:
        return Wait("busy", f"somebody else's helm is working on release {application.name}")
    back = last_deployed(revisions)
    release = _release_of(back, state) if back else ""
    return Stage(_contract(application, release), newest, back.number if back else 0, release)


def _elsewhere(
    wanted: Wanted, revisions: Sequence[Revision], state: ApplicationState, policy: Policy
) -> Wait | Removed | None:
    """Say what follows where it runs in another namespace than the wanted one: a second copy would have none of its data."""
    settled, application = state.settled, wanted.application
    if settled is None or settled.namespace in ("", application.namespace):
        return None
    if settled.namespace in policy.namespaces and is_gone(revisions):
        return Removed()
    words = (
        f"{application.release} is for namespace {application.namespace!r}, and {settled.release} runs in {settled.namespace!r}: "
        f"to move, take its data along and uninstall it there"
    )
    return Wait("namespace_changed", words, forbidden=True)


def _gate(wanted: Wanted, state: ApplicationState, policy: Policy, now: datetime) -> Wait | None:
    """Say what keeps the wanted release out: known bad, the cluster's own rules, the rollout."""
    application = wanted.application
    if bad := state.bad.get(application.release_digest):
        words = f"{application.release} did not work here (generation {bad.generation}): {bad.failure.message}"
        return Wait("known_bad", words, forbidden=True)
    return gate(application.namespace, wanted, policy, now)


def _no_longer(said: Said | None, change: Change, policy: Policy, now: datetime) -> bool:
    if not isinstance(said, Wanted) or said.application.release_digest != change.application.release_digest:
        return True
    return _gate(said, ApplicationState(), policy, now) is not None


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
    if is_gone(revisions):
        # Nothing was there before, or the release was removed: nothing to settle.
        return SettleBack(0)
    newest = revisions[-1]
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
    return change.contract in {"restore-required", "one-way"} and may_restore(change)


def may_restore(change: Change) -> bool:
    """Say whether saved data can be of help: there is some, and something ran that may have changed what it is of."""
    return bool(change.snapshot) and change.back_to > 0 and not change.restored and not change.untouched


def may_be_untouched(change: Change, now: datetime) -> bool:
    """Say whether it is worth a look if anything of the release ever ran, before it is taken back."""
    refused = change.failure is not None and change.failure.code in REFUSALS and change.attempts == 1
    return refused and may_restore(change) and timedelta(0) <= now - change.started_at <= EVENTS_LAST


def _contract(application: ApplicationManifest, from_release: str) -> RollbackContract:
    return next((edge.contract for edge in application.edges if edge.from_release == from_release), "unknown")


def _release_of(revision: Revision, state: ApplicationState) -> str:
    settled = state.settled
    return settled.release if settled and short_digest(settled.release_digest) == revision.release else ""
