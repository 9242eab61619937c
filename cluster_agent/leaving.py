"""What becomes of an application that its channel names no more. Pure, like ``planning``, which asks here.

| where it stands             | what is seen                                             | next                      |
|-----------------------------|----------------------------------------------------------|---------------------------|
| just left                   | –                                                        | Leave, once               |
| left                        | nothing of it is installed any more                      | Removed                   |
| left                        | it is to go; a person's revision, hold, halt, wave       | Wait with the reason      |
| left                        | it is to go, and nothing speaks against it               | StageRemoval              |
| removal staged or begun     | Helm says that it is uninstalled                         | Removed                   |
| removal staged              | in the channel again, to stay after all, held …          | AbandonRemoval            |
| removal staged              | data that is not saved                                   | BackUpLast                |
| removal staged              | –                                                        | Uninstall                 |
| removal begun               | in the channel again                                     | AbandonRemoval            |
| removal begun               | –                                                        | Uninstall                 |

It stays unless the cluster's own rules say ``uninstall``. The rule for all never removes the last applications: a channel that names
nothing of what runs here looks like an accident. A rule that names the application does.
"""

from collections.abc import Sequence
from datetime import datetime

from cluster_agent.applying.revisions import Revision, is_gone
from cluster_agent.decisions import (
    AbandonRemoval,
    Action,
    BackUpLast,
    Leave,
    Left,
    Policy,
    Removed,
    Rest,
    Said,
    StageRemoval,
    Uninstall,
    Wait,
    Wanted,
)
from cluster_agent.gates import gate
from cluster_agent.state import ApplicationState, Removal, Settled


def begin(
    name: str, left: Left, revisions: Sequence[Revision], state: ApplicationState, policy: Policy, now: datetime
) -> Action:
    """Return what to do with an application that left; no change of it is in the works."""
    settled = state.settled
    if not state.left:
        return _leave(name, left, settled, policy)
    if settled is None or settled.namespace not in policy.namespaces:
        return Rest()
    if is_gone(revisions):
        return Removed()
    if not is_to_go(name, left, policy):
        return Rest()
    return _against(left, revisions, settled, policy, now) or StageRemoval()


def carry_on(
    name: str,
    said: Said | None,
    revisions: Sequence[Revision],
    removal: Removal,
    state: ApplicationState,
    policy: Policy,
    now: datetime,
) -> Action:
    """Return the next step of a removal. What was not touched yet is left alone again as soon as anything speaks for that."""
    if state.settled is not None and is_gone(revisions):
        return Removed()
    if isinstance(said, Wanted) or state.settled is None:
        return AbandonRemoval()
    if removal.phase == "removing":
        return Uninstall()
    if not isinstance(said, Left) or not is_to_go(name, said, policy):
        return AbandonRemoval()
    if _against(said, revisions, state.settled, policy, now):
        return AbandonRemoval()
    # What an earlier removal has begun to take away cannot be saved any more, and was saved then.
    is_whole = revisions[-1].status == "deployed"
    return BackUpLast() if state.settled.backup and not removal.snapshot and is_whole else Uninstall()


def is_to_go(name: str, left: Left, policy: Policy) -> bool:
    """Say whether the cluster's rules want an application that left to be uninstalled."""
    own = policy.on_leave_of.get(name)
    return own == "uninstall" or (own is None and policy.on_leave == "uninstall" and not left.is_last)


def _against(left: Left, revisions: Sequence[Revision], settled: Settled, policy: Policy, now: datetime) -> Wait | None:
    """Say what speaks against removing it now."""
    if wait := gate(settled.namespace, left, policy, now):
        return wait
    if revisions[-1].number != settled.revision:
        words = f"revision {revisions[-1].number} was made by a person after our {settled.revision}: what people changed is not uninstalled"
        return Wait("drifted", words, forbidden=True)
    return None


def _leave(name: str, left: Left, settled: Settled | None, policy: Policy) -> Leave:
    since = f"left the channel {left.channel} at generation {left.generation}"
    if settled is None:
        return Leave("left", f"{since}; nothing of it that worked is installed")
    if is_to_go(name, left, policy) and settled.namespace in policy.namespaces:
        return Leave("left", f"{since}; it is to be uninstalled, as this cluster's rules say")
    words = f"{since}; it stays installed and is no longer updated"
    if name not in policy.on_leave_of and policy.on_leave == "uninstall" and left.is_last:
        return Leave(
            "left_last",
            f"{words}: the channel names nothing that runs here, which looks like an accident. "
            f"To uninstall it, name it: `applications: {{{name}: {{onLeave: uninstall}}}}`",
        )
    return Leave("left", words)
