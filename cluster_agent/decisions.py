"""What planning is told and what it may decide: facts in, one action out. Types only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from cluster_agent.contract import ApplicationManifest, RollbackContract, Rollout
from cluster_agent.state import Failure

OnLeave = Literal["keep", "uninstall"]


@dataclass(frozen=True, slots=True)
class Policy:
    """The cluster's own rules; they can only be stricter than the channel.

    ``on_leave`` is what happens to an application that leaves the channel, ``on_leave_of`` the same for single ones, by name.
    """

    cluster: str
    namespaces: frozenset[str]
    held: str = ""
    on_leave: OnLeave = "keep"
    on_leave_of: Mapping[str, OnLeave] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the channel wants of one application, and who may take it now (None: nobody yet).

    ``clock_skew`` is how far this machine's clock is ahead of the control plane's, None where they agree.
    """

    application: ApplicationManifest
    channel: str
    generation: int
    rollout: Rollout | None
    clock_skew: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """The channel does not name the application any more. ``is_last``: it names nothing that runs here."""

    channel: str
    generation: int
    rollout: Rollout | None
    is_last: bool
    clock_skew: timedelta | None = None


@dataclass(frozen=True, slots=True)
class TooNew:
    """The channel names the application, and what it ``needs`` of an agent is more than this one can do."""

    generation: int
    release: str
    needs: tuple[str, ...]


Said = Wanted | Left | TooNew


@dataclass(frozen=True, slots=True)
class Rest:
    """The wanted release runs, or nothing is wanted; nothing to do."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do now, for a reason. ``forbidden``: rules say no, as against not yet."""

    code: str
    reason: str
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


@dataclass(frozen=True, slots=True)
class TakeUp:
    """An application that had left the channel is in it again."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Note that the application left, and say so: it stays as it is."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class StageRemoval:
    """It shall go: remember that."""


@dataclass(frozen=True, slots=True)
class BackUpLast:
    """Save the data of an application that shall go."""


@dataclass(frozen=True, slots=True)
class Uninstall:
    """Remove what may be removed without loss."""


@dataclass(frozen=True, slots=True)
class Removed:
    """It is gone: say so."""


@dataclass(frozen=True, slots=True)
class AbandonRemoval:
    """It stays after all."""


Changing = Stage | Confirm | Abandon | BackUp | Apply | Settle | RollBack | Restore | SettleBack
Leaving = TakeUp | Leave | StageRemoval | BackUpLast | Uninstall | Removed | AbandonRemoval
Action = Rest | Wait | Changing | Leaving
