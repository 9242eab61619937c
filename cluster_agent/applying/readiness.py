"""Is this object ready for the revision just applied? Pure: objects as the API server gives them, a verdict out.

Never judged by the previous revision's status: a workload counts only once its controller has observed the new generation
and the pods of that very template are there. ``Hopeless`` means that waiting longer will not help.

| kind        | ready when                                                                        |
|-------------|-----------------------------------------------------------------------------------|
| Deployment  | generation observed, all replicas updated and available, no old ones left         |
| StatefulSet | generation observed, replicas above the partition updated, all ready              |
| DaemonSet   | generation observed, all scheduled pods updated, available but for maxUnavailable |
| Job         | Complete (or suspended); Failed is hopeless                                       |
| Pod         | Ready or Succeeded; Failed is hopeless                                            |
| claim       | Bound, or nobody uses it yet; Lost is hopeless                                    |
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Object = dict[str, Any]

MAX_RESTARTS = 3
IMAGE_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
CONFIG_REASONS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


class Target(NamedTuple):
    """An object whose health counts."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Ready:
    """Runs as the manifest says."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not there yet; ``why`` in words."""

    why: str


@dataclass(frozen=True, slots=True)
class Hopeless:
    """Will not become ready. ``pod`` and ``container``: whose log may say why; ``crashed`` its previous run ended."""

    code: str
    why: str
    pod: str = ""
    container: str = ""
    crashed: bool = False


Verdict = Ready | Waiting | Hopeless


def judge_workload(workload: Object) -> Verdict:
    """Judge an object by its own status."""
    return _JUDGES[workload["kind"]](workload)


def judge_pod(pod: Object, restarts_before: Mapping[str, int]) -> Verdict:
    """Judge a pod that carries the new template. ``restarts_before``: restarts per container that happened before the change."""
    for condition in _conditions(pod):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return Hopeless("unschedulable", f"no node takes pod {_name(pod)}: {condition.get('message', '')}")
    status = pod.get("status", {})
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    verdicts = [_judge_container(pod, found, restarts_before) for found in containers]
    return next((verdict for verdict in verdicts if isinstance(verdict, Hopeless)), Waiting(f"pod {_name(pod)} starts"))


def unproven(pod: Object, since: str) -> bool:
    """Say whether a ready pod may still be about to crash: started after ``since``, with a container that no probe watches."""
    probed = {one["name"] for one in pod["spec"].get("containers") or () if "readinessProbe" in one}
    for status in pod.get("status", {}).get("containerStatuses") or ():
        started = ((status.get("state") or {}).get("running") or {}).get("startedAt") or ""
        if status["name"] not in probed and started >= since:
            return True
    return False


def restarts(pod: Object) -> dict[str, int]:
    """Return how often each container of ``pod`` was restarted so far."""
    status = pod.get("status", {})
    found = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return {container["name"]: int(container.get("restartCount", 0)) for container in found}


def refusal_code(words: str) -> str:
    """Return the code for a controller's complaint that it may not create pods."""
    if "exceeded quota" in words:
        return "quota_exceeded"
    if "violates PodSecurity" in words or "admission webhook" in words:
        return "policy_denied"
    return "forbidden"


def _judge_container(pod: Object, status: Object, restarts_before: Mapping[str, int]) -> Verdict:
    name = status["name"]
    waiting = (status.get("state") or {}).get("waiting") or {}
    reason, words = waiting.get("reason", ""), waiting.get("message", "")
    if reason in IMAGE_REASONS:
        return Hopeless(
            "image_pull", f"image {status.get('image', '')} cannot be pulled: {_short(words)}", _name(pod), name
        )
    if reason in CONFIG_REASONS:
        return Hopeless("container_config", f"container {name} cannot be created: {_short(words)}", _name(pod), name)
    new = int(status.get("restartCount", 0)) - restarts_before.get(name, 0)
    ended = (status.get("lastState") or {}).get("terminated") or (status.get("state") or {}).get("terminated") or {}
    if new >= MAX_RESTARTS and not status.get("ready") and ended.get("exitCode", 0) != 0:
        why = f"container {name} ended {new} times, the last time with {_exit(ended)}"
        return Hopeless("crash_loop", why, _name(pod), name, crashed=bool(status.get("lastState")))
    return Waiting(f"container {name} of pod {_name(pod)}: {reason or 'not ready'}")


def _exit(ended: Object) -> str:
    reason = ended.get("reason", "")
    code = f"exit code {ended.get('exitCode')}"
    return f"{code} ({reason})" if reason not in {"", "Error"} else code


def _judge_deployment(deployment: Object) -> Verdict:
    spec, status = deployment.get("spec", {}), deployment.get("status", {})
    wanted = int(spec.get("replicas", 1))
    if not _observed(deployment):
        return Waiting("the controller has not seen the change yet")
    for condition in _conditions(deployment):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            words = _short(condition.get("message", ""))
            return Hopeless(refusal_code(words), words)
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            return Hopeless("timeout", "no progress within progressDeadlineSeconds")
    updated, ready = int(status.get("updatedReplicas") or 0), int(status.get("availableReplicas") or 0)
    if updated < wanted or int(status.get("replicas") or 0) > updated or ready < wanted:
        return Waiting(f"{updated} of {wanted} replicas updated, {ready} available")
    return Ready()


def _judge_stateful_set(stateful: Object) -> Verdict:
    spec, status = stateful.get("spec", {}), stateful.get("status", {})
    wanted = int(spec.get("replicas", 1))
    if not _observed(stateful):
        return Waiting("the controller has not seen the change yet")
    strategy = spec.get("updateStrategy") or {}
    partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    updated, ready = int(status.get("updatedReplicas") or 0), int(status.get("readyReplicas") or 0)
    if strategy.get("type") != "OnDelete" and updated < max(wanted - partition, 0):
        return Waiting(f"{updated} of {wanted} replicas updated")
    if ready < wanted:
        return Waiting(f"{ready} of {wanted} replicas ready")
    return Ready()


def _judge_daemon_set(daemon: Object) -> Verdict:
    status = daemon.get("status", {})
    if not _observed(daemon):
        return Waiting("the controller has not seen the change yet")
    strategy = daemon.get("spec", {}).get("updateStrategy") or {}
    wanted = int(status.get("desiredNumberScheduled") or 0)
    updated, available = int(status.get("updatedNumberScheduled") or 0), int(status.get("numberAvailable") or 0)
    spare = _amount((strategy.get("rollingUpdate") or {}).get("maxUnavailable", 1), wanted)
    if strategy.get("type") != "OnDelete" and updated < wanted:
        return Waiting(f"{updated} of {wanted} pods updated")
    return Ready() if available >= max(wanted - spare, 0) else Waiting(f"{available} of {wanted} pods available")


def _judge_job(job: Object) -> Verdict:
    for condition in _conditions(job):
        if condition["status"] == "True" and condition["type"] in {"Complete", "Suspended"}:
            return Ready()
        if condition["status"] == "True" and condition["type"] == "Failed":
            return Hopeless("job_failed", _short(condition.get("message", "")) or "the job failed")
    return Waiting("the job runs")


def _judge_bare_pod(pod: Object) -> Verdict:
    phase = pod.get("status", {}).get("phase")
    if phase == "Failed":
        return Hopeless("pod_failed", pod["status"].get("message", "the pod failed"), _name(pod))
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in _conditions(pod))
    return Ready() if ready or phase == "Succeeded" else Waiting(f"phase {phase}")


def _judge_claim(claim: Object) -> Verdict:
    phase = claim.get("status", {}).get("phase")
    if phase == "Lost":
        return Hopeless("volume_lost", "the claim's volume is gone")
    return Ready() if phase == "Bound" else Waiting("the claim is not bound")


_JUDGES: dict[str, Callable[[Object], Verdict]] = {
    "Deployment": _judge_deployment,
    "StatefulSet": _judge_stateful_set,
    "DaemonSet": _judge_daemon_set,
    "Job": _judge_job,
    "Pod": _judge_bare_pod,
    "PersistentVolumeClaim": _judge_claim,
}
KINDS = tuple(_JUDGES)
SERVING = frozenset({"Deployment", "StatefulSet", "DaemonSet"})

_TELLING = re.compile(
    r"fatal|panic|error|exception|failed|failure|denied|cannot|can't|refused|not found|invalid", re.IGNORECASE
)
_NOISE = re.compile(r"^\s*(?:at |File \"|goroutine |\^|\.\.\.)|\x1b\[[0-9;]*m")


def telling_line(log: str) -> str:
    """Return the line of a crashed program's log that says why: the last one that speaks of an error, else the last one."""
    lines = [_NOISE.sub("", line).strip() for line in log.splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)]
    return _short((telling or lines or [""])[-1])


def _observed(workload: Object) -> bool:
    return int(workload.get("status", {}).get("observedGeneration") or 0) >= int(
        workload["metadata"].get("generation", 0)
    )


def _conditions(found: Object) -> Iterable[Object]:
    return found.get("status", {}).get("conditions") or ()


def _amount(given: int | str, of: int) -> int:
    """Return a count that may be given as a percentage (rounded up, as Kubernetes does for maxUnavailable of DaemonSets)."""
    if isinstance(given, str) and given.endswith("%"):
        return -(-of * int(given[:-1]) // 100)
    return int(given)


def _name(found: Object) -> str:
    return str(found["metadata"]["name"])


def _short(words: str, limit: int = 300) -> str:
    flat = " ".join(words.split())
    return flat if len(flat) <= limit else flat[: limit - 2] + " …"
