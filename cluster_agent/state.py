"""What the agent remembers, as types. The journal keeps it in the cluster; ``planning`` reads it; only ``lifecycle`` changes it."""

from datetime import datetime
from typing import Literal

from cluster_agent.contract import ApplicationManifest, BackupStep, Report, Restored, RollbackContract
from cluster_agent.contract.manifest import Struct

Phase = Literal["staged", "applying", "settling", "rolling_back", "restoring", "settling_back"]


class Failure(Struct, frozen=True, kw_only=True):
    """Why a change did not work: a stable machine word and the decisive line."""

    code: str
    message: str


class Settled(Struct, frozen=True, kw_only=True):
    """What we proved healthy last: ``revision`` is Helm's number. The rest is what removing it needs when its channel names it no more.

    ``namespace`` is empty in what an earlier agent noted. ``whole``: not so where a removal was begun and given up.
    """

    generation: int
    release: str
    release_digest: str
    revision: int
    namespace: str = ""
    backup: tuple[BackupStep, ...] = ()
    timeout_seconds: int = 300
    whole: bool = True


class Change(Struct, frozen=True, kw_only=True):
    """A change in the works. Written before each step, so that whoever comes after a kill knows what was meant.

    ``base`` is the newest revision before the change, ``back_to`` the one to return to (0: there was none), ``back_release`` its
    version. ``attempts`` counts tries to apply; ``timings`` are seconds by step. ``untouched``: nothing of the release ever ran, which is
    certain, so its way back needs no data of before. ``lost`` is what a restore cost.
    """

    application: ApplicationManifest
    generation: int
    phase: Phase
    started_at: datetime
    contract: RollbackContract = "unknown"
    base: int = 0
    back_to: int = 0
    back_release: str = ""
    revision: int = 0
    snapshot: str = ""
    restored: bool = False
    untouched: bool = False
    lost: Restored | None = None
    attempts: int = 0
    failure: Failure | None = None
    timings: dict[str, float] = {}


class Removal(Struct, frozen=True, kw_only=True):
    """The settled release is being removed, because the channel names it no more since ``generation``. Written before each step."""

    generation: int
    phase: Literal["staged", "removing"]
    started_at: datetime
    snapshot: str = ""


class Bad(Struct, frozen=True, kw_only=True):
    """A release that was tried here and did not work. ``stuck``: coming back did not work either."""

    generation: int
    release: str
    failure: Failure
    attempts: int = 1
    stuck: bool = False


class ApplicationState(Struct, frozen=True, kw_only=True):
    """One application here. ``bad`` is keyed by release digest; ``said`` is the last thing reported about waiting (once is enough).

    There is never a change and a removal at once. ``left`` is the generation that was seen first without it, 0 while it is in the channel.
    """

    settled: Settled | None = None
    change: Change | None = None
    removal: Removal | None = None
    left: int = 0
    bad: dict[str, Bad] = {}
    said: str = ""


class State(Struct, frozen=True, kw_only=True):
    """Everything: applications by name, reports not yet accepted by the control plane, the number of the next one."""

    applications: dict[str, ApplicationState] = {}
    reports: tuple[Report, ...] = ()
    next_sequence: int = 1
    channel_said: str = ""
