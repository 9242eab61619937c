"""One change of one application: apply, settle, roll back. The agent's loop and the harness's rehearsal call these very functions.

None of them decides what comes next. Each may be called again after a kill: it looks at the cluster first.
"""

import re
import time
from pathlib import Path

from cluster_agent.applying import health, reasons, releases, removal, revisions
from cluster_agent.applying.helm import HelmDriver
from cluster_agent.applying.kube import Kube, Object
from cluster_agent.applying.readiness import Target
from cluster_agent.contract import ApplicationManifest
from cluster_agent.errors import ChangeFailed, Conflict

_HOOK_JOB = re.compile(r"\bresource Job/[^/\s]*/(\S+) not ready")
OBSERVE_SECONDS = 15.0


def apply_release(
    driver: HelmDriver,
    kube: Kube,
    application: ApplicationManifest,
    chart: Path,
    *,
    description: str = "",
) -> int:
    """Install or upgrade ``application`` and return the revision made. It has been applied, not proven: see ``settle``.

    Raises ``ChangeFailed`` (with the log line of a failed hook), ``Unreachable`` or ``Conflict``.
    """
    name, namespace = application.name, application.namespace
    known = releases.history(kube, namespace, name)
    if known and known[-1].pending:
        if not known[-1].ours:
            raise Conflict("busy", f"somebody else's helm is working on release {name}, or died doing so")
        releases.mend_pending(kube, namespace, name)
    revision = known[-1].number + 1 if known else 1
    labels = {
        revisions.RELEASE_LABEL: revisions.short_digest(application.release_digest),
        revisions.REVISION_LABEL: str(revision),
    }
    try:
        driver.upgrade_install(
            name,
            namespace,
            chart,
            application.values,
            images=application.images,
            labels=labels,
            description=description or f"Tidegate: {application.release}",
            timeout=float(application.timeout_seconds),
        )
    except ChangeFailed as error:
        raise _with_hook_log(kube, namespace, error) from error
    return revision


def settle(kube: Kube, namespace: str, name: str, revision: int, *, timeout: float) -> None:
    """Return once everything that ``revision`` applied is healthy. Raises ``ChangeFailed`` with the reason, or ``Unreachable``."""
    stored = releases.record(kube, namespace, name, revision)
    if stored is None:
        raise ChangeFailed(
            "release_missing", f"revision {revision} of release {name} is gone from namespace {namespace}"
        )
    if stored.info.status == "failed":
        raise ChangeFailed("helm_failed", stored.info.description)
    health.wait_healthy(kube, health.targets(stored.manifest, namespace), timeout=timeout, since=stored.created)


def unhealthy(kube: Kube, namespace: str, name: str, revision: int) -> str:
    """Look once: an empty text where what ``revision`` applied is healthy, else what is not."""
    stored = releases.record(kube, namespace, name, revision)
    return health.healthy_now(kube, health.targets(stored.manifest, namespace)) if stored else "the release is gone"


def roll_back(
    driver: HelmDriver, kube: Kube, namespace: str, name: str, *, to: int, timeout: float, base: int = 0
) -> int:
    """Apply revision ``to`` again and return the new revision; ``to`` 0 (nothing ran before): take the release away, return 0.

    ``base`` is the newest revision before the change: one that was uninstalled may have left data, which stays.
    Applied, not proven: see ``settle``. Raises ``ChangeFailed``, ``Unreachable`` or ``Conflict``.
    """
    releases.mend_pending(kube, namespace, name)
    if to == 0:
        take_away = removal.remove if base else removal.undo_install
        take_away(driver, kube, namespace, name, timeout=timeout)
        return 0
    driver.rollback(name, namespace, to, timeout=timeout)
    revision = releases.history(kube, namespace, name)[-1].number
    stored = releases.record(kube, namespace, name, revision)
    for target in health.targets(stored.manifest, namespace) if stored else ():
        if target.kind == "StatefulSet":
            free_stuck_pods(kube, target)
    return revision


def free_stuck_pods(kube: Kube, target: Target) -> None:
    """Delete the pods of a StatefulSet that carry an abandoned template and are not ready.

    Kubernetes waits for such a pod for ever before it goes back to the template that worked (its documented known issue).
    """
    found = _observed(kube, target)
    if found is None:
        return
    wanted = found.get("status", {}).get("updateRevision")
    for pod in kube.list("Pod", target.namespace, labels=selector(found)):
        abandoned = pod["metadata"].get("labels", {}).get("controller-revision-hash") not in {None, wanted}
        ready = any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions") or ())
        if abandoned and not ready:
            kube.delete("Pod", target.namespace, pod["metadata"]["name"])


def selector(workload: Object) -> str:
    """Return a workload's pod selector as the text of a list request (``matchLabels`` only)."""
    labels = workload["spec"]["selector"].get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in labels.items())


def _observed(kube: Kube, target: Target) -> Object | None:
    """Return the workload once its controller has seen its newest generation."""
    deadline = time.monotonic() + OBSERVE_SECONDS
    while True:
        found = kube.get(target.kind, target.namespace, target.name)
        if found is None or time.monotonic() > deadline:
            return found
        if int(found.get("status", {}).get("observedGeneration") or 0) >= int(found["metadata"]["generation"]):
            return found
        time.sleep(0.2)


def _with_hook_log(kube: Kube, namespace: str, error: ChangeFailed) -> ChangeFailed:
    job = _HOOK_JOB.search(error.message) if error.code == "hook_failed" else None
    line = reasons.explain_hook(kube, namespace, job[1]) if job else ""
    return ChangeFailed(error.code, f"{error.message}: {line}" if line else error.message)
