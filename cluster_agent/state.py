"""What the agent remembers, as types. The journal keeps it in the cluster; ``planning`` reads it; only ``lifecycle`` changes it."""

from datetime import datetime
from typing import Literal

from cluster_agent.contract import ApplicationManifest, Report, RollbackContract
from cluster_agent.contract.manifest import Struct

Phase = Literal["staged", "applying", "settling", "rolling_back", "restoring", "settling_back"]


class Failure(Struct, frozen=True, kw_only=True):
    """Why a change did not work: a stable machine word and the decisive line."""

    code: str
    message: str


class Settled(Struct, frozen=True, kw_only=True):
    """What we proved healthy last: ``revision`` is Helm's number, 0 where nothing of ours runs."""

    generation: int
    release: str
    release_digest: str
    revision: int


class Change(Struct, frozen=True, kw_only=True):
    """A change in the works. Written before each step, so that whoever comes after a kill knows what was meant.

    ``base`` is the newest revision before the change, ``back_to`` the one to return to (0: there was none), ``back_release`` its
    version. ``attempts`` counts tries to apply; ``timings`` are seconds by step.
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
    attempts: int = 0
    failure: Failure | None = None
    timings: dict[str, float] = {}


class Bad(Struct, frozen=True, kw_only=True):
    """A release that was tried here and did not work. ``stuck``: coming back did not work either."""

    generation: int
    release: str
    failure: Failure
    attempts: int = 1
    stuck: bool = False


class ApplicationState(Struct, frozen=True, kw_only=True):
    """One application here. ``bad`` is keyed by release digest; ``said`` is the last thing reported about waiting (once is enough)."""

    settled: Settled | None = None
    change: Change | None = None
    bad: dict[str, Bad] = {}
    said: str = ""


class State(Struct, frozen=True, kw_only=True):
    """Everything: applications by name, reports not yet accepted by the control plane, the number of the next one."""

    applications: dict[str, ApplicationState] = {}
    reports: tuple[Report, ...] = ()
    next_sequence: int = 1
    channel_said: str = ""
