"""The harness's front door: run(request) → report, in a process of its own.

The only module of the harness that the control plane imports, so it imports nothing heavy.
Three verdicts: ``passed``; ``failed`` (the release is bad); ``errored`` (we could not tell: no cluster,
registry down, harness killed). The child's exit codes are 0, 1 and 2; anything else is ``errored``.
"""

from datetime import datetime
from typing import Any, Literal

from cluster_agent.contract import ApplicationManifest, RollbackContract
from cluster_agent.contract.manifest import Struct

Verdict = Literal["passed", "failed", "errored"]
StepState = Literal["running", "passed", "failed", "errored", "skipped"]


class Registries(Struct, frozen=True, kw_only=True):
    """Where names are read: host (or ``*``) → mirror base URL, as seen from the harness's process and from inside a cluster's pods."""

    from_host: dict[str, str] = {}
    from_pods: dict[str, str] = {}


class RunRequest(Struct, frozen=True, kw_only=True):
    """One rehearsal.

    ``candidate`` is the release under test; ``base`` what the channel has now (None: the first release).
    ``suite`` is a folder (absolute path) with the application's pytest suite, or None.
    ``evidence`` is a folder that the run fills.
    ``provider`` is ``kind`` or ``existing``. Times are seconds.
    """

    run_id: str
    candidate: ApplicationManifest
    evidence: str
    base: ApplicationManifest | None = None
    suite: str | None = None
    values: dict[str, Any] = {}
    registries: Registries = Registries()
    provider: Literal["kind", "existing"] = "kind"
    kubeconfig: str | None = None
    context: str | None = None
    timeout_seconds: int = 900


class StepReport(Struct, frozen=True, kw_only=True):
    """One step of the timeline (``cluster``, ``install``, ``seed``, ``upgrade``, ``verify``, ``rollback``, ``restore``).

    ``message`` is one line for people: for a failed step it quotes the log line that says why.
    """

    name: str
    title: str
    state: StepState
    started_at: datetime
    ended_at: datetime | None = None
    message: str = ""


class EvidenceFile(Struct, frozen=True, kw_only=True):
    """A file in the evidence folder: ``path`` is relative to it."""

    path: str
    title: str
    media_type: str
    sha256: str
    size: int


class RunReport(Struct, frozen=True, kw_only=True):
    """What a rehearsal found.

    ``contract`` says how one may come back from the candidate to the base; ``reason`` is one line for people.
    """

    run_id: str
    verdict: Verdict
    reason: str
    steps: tuple[StepReport, ...] = ()
    evidence: tuple[EvidenceFile, ...] = ()
    contract: RollbackContract = "unknown"
    cluster: str = ""
    kubernetes: str = ""
