"""Waiting until what a release's manifest names really runs, or until it is clear that it never will.

Works for any chart: the objects come from the applied manifest. One list per kind and round; between rounds a tenth of what the wait
has taken so far, half a second at most, so that looking late adds little to a short wait and looking often little to a long one.
A hopeless state must last for its patience, because a quota or a pull may recover by itself; then the reason is found: the log
line of the crashed container, or the controller's complaint.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from cluster_agent.applying import readiness, reasons
from cluster_agent.applying.kube import Kube, Object
from cluster_agent.applying.readiness import Hopeless, Ready, Target, Verdict, Waiting
from cluster_agent.contract import yamls
from cluster_agent.errors import Unreachable

SHORTEST_ROUND_SECONDS, LONGEST_ROUND_SECONDS = 0.15, 0.5
# Seconds that a hopeless state must last before we give up.
PATIENCE = {"unschedulable": 30.0, "quota_exceeded": 6.0, "policy_denied": 3.0, "forbidden": 6.0, "image_pull": 15.0}
DEFAULT_PATIENCE = 1.0
# Kubernetes calls a container without a readiness probe ready at once; we want to see it live this long.
UNPROBED_SECONDS = 4.0


@dataclass(slots=True)
class _Watch:
    """What one wait remembers between rounds."""

    kube: Kube
    since: str
    restarts_before: dict[str, dict[str, int]] = field(default_factory=dict)
    hopeless_since: dict[tuple[Target, str], float] = field(default_factory=dict)
    lives_since: dict[tuple[str, int], float] = field(default_factory=dict)


@dataclass(slots=True)
class _World:
    """One round's observation, by namespace."""

    objects: dict[Target, Object]
    pods: dict[str, list[Object]]
    replica_sets: dict[str, list[Object]]


def targets(manifest: str, namespace: str) -> list[Target]:
    """Return the objects of an applied manifest whose health counts."""
    found = (one for one in yamls.documents(manifest) if isinstance(one, dict) and one.get("kind") in readiness.KINDS)
    return [
        Target(one["kind"], one["metadata"].get("namespace") or namespace, one["metadata"]["name"])
        for one in found
        if one["kind"] != "Pod" or "helm.sh/hook" not in (one["metadata"].get("annotations") or {})
    ]


def wait_healthy(
    kube: Kube,
    wanted: Iterable[Target],
    *,
    timeout: float,
    since: str = "",
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Return once every target is ready in two rounds running. ``since``: server time of the change; older events do not count.

    Raises ``ChangeFailed`` with a code and the decisive line, or ``Unreachable`` when the API server does not answer until the end.
    """
    watch, began, good = _Watch(kube, since), now(), 0
    deadline, wanted = began + timeout, list(wanted)
    while good < 2:
        try:
            waiting = _round(watch, wanted, now())
            good = 0 if waiting else good + 1
        except Unreachable:
            if now() >= deadline:
                raise
            waiting, good = [], 0
        if waiting and now() >= deadline:
            raise reasons.timed_out(watch.kube, watch.since, waiting, timeout)
        pause = min(max((now() - began) / 10, SHORTEST_ROUND_SECONDS), LONGEST_ROUND_SECONDS)
        sleep(pause if good == 0 else pause / 2)


def healthy_now(kube: Kube, wanted: Iterable[Target]) -> str:
    """Look once. Returns an empty text, or what is not ready in words."""
    wanted = list(wanted)
    world = _observe(kube, wanted)
    verdicts = ((target, _judge(_Watch(kube, ""), world, target)) for target in wanted)
    return "; ".join(f"{target}: {verdict.why}" for target, verdict in verdicts if not isinstance(verdict, Ready))


def _round(watch: _Watch, wanted: list[Target], now: float) -> list[tuple[Target, Waiting | Hopeless]]:
    world = _observe(watch.kube, wanted)
    waiting: list[tuple[Target, Waiting | Hopeless]] = []
    seen: set[tuple[Target, str]] = set()
    for target in wanted:
        verdict = _judge(watch, world, target)
        if isinstance(verdict, Ready):
            verdict = _lived(watch, world, target, now)
        if isinstance(verdict, Hopeless):
            key = (target, verdict.code)
            seen.add(key)
            since = watch.hopeless_since.setdefault(key, now)
            if now - since >= PATIENCE.get(verdict.code, DEFAULT_PATIENCE):
                raise reasons.given_up(watch.kube, target, verdict)
        if not isinstance(verdict, Ready):
            waiting.append((target, verdict))
    watch.hopeless_since = {key: since for key, since in watch.hopeless_since.items() if key in seen}
    return waiting


def _lived(watch: _Watch, world: _World, target: Target, now: float) -> Verdict:
    for pod in _pods_of(world.objects[target], world, target) if target.kind in readiness.SERVING else ():
        if readiness.unproven(pod, watch.since):
            key = (pod["metadata"]["uid"], sum(readiness.restarts(pod).values()))
            if now - watch.lives_since.setdefault(key, now) < UNPROBED_SECONDS:
                return Waiting(f"pod {pod['metadata']['name']} has no readiness probe and must live a little")
    return Ready()


def _observe(kube: Kube, wanted: list[Target]) -> _World:
    world = _World({}, {}, {})
    for kind, namespace in sorted({(target.kind, target.namespace) for target in wanted}):
        for one in kube.list(kind, namespace):
            world.objects[Target(kind, namespace, one["metadata"]["name"])] = one | {"kind": kind}
    for namespace in {target.namespace for target in wanted}:
        world.pods[namespace] = list(kube.list("Pod", namespace))
        if any(target.kind == "Deployment" and target.namespace == namespace for target in wanted):
            world.replica_sets[namespace] = list(kube.list("ReplicaSet", namespace))
    return world


def _judge(watch: _Watch, world: _World, target: Target) -> Verdict:
    found = world.objects.get(target)
    if found is None:
        return Waiting("it is not there")
    verdict = readiness.judge_workload(found)
    if not isinstance(verdict, Waiting):
        return verdict
    if target.kind == "PersistentVolumeClaim":
        used = any(target.name in _claims(pod) for pod in world.pods[target.namespace])
        return verdict if used else Ready()
    return _judge_pods(watch, world, target, found, verdict)


def _judge_pods(watch: _Watch, world: _World, target: Target, found: Object, verdict: Waiting) -> Verdict:
    pods = list(_pods_of(found, world, target))
    for pod in pods:
        before = watch.restarts_before.setdefault(pod["metadata"]["uid"], readiness.restarts(pod))
        judged = readiness.judge_pod(pod, before)
        if isinstance(judged, Hopeless):
            return judged
        verdict = judged if isinstance(judged, Waiting) and not _pod_ready(pod) else verdict
    if target.kind in {"StatefulSet", "DaemonSet", "Job"}:
        return _refused(watch, target, found) or verdict
    return verdict


def _pods_of(found: Object, world: _World, target: Target) -> Iterator[Object]:
    """Yield the pods that carry the workload's newest template."""
    if target.kind == "Pod":
        yield found
        return
    owner, label, value = found["metadata"]["uid"], "", ""
    if target.kind == "Deployment":
        newest = found["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision")
        sets = [one for one in world.replica_sets.get(target.namespace, ()) if _owned(one, owner)]
        owner = next((one["metadata"]["uid"] for one in sets if _revision(one) == newest), "")
    elif target.kind == "StatefulSet":
        label, value = "controller-revision-hash", found.get("status", {}).get("updateRevision", "")
    for pod in world.pods[target.namespace]:
        labels = pod["metadata"].get("labels") or {}
        if _owned(pod, owner) and (not label or labels.get(label) == value):
            yield pod


def _refused(watch: _Watch, target: Target, found: Object) -> Hopeless | None:
    """Return a controller's complaint that it may not create pods: it stands in events only."""
    fields = f"involvedObject.uid={found['metadata']['uid']},reason=FailedCreate"
    for event in watch.kube.list("Event", target.namespace, fields=fields):
        if reasons.event_time(event) >= watch.since:
            words = event.get("message", "")
            return Hopeless(readiness.refusal_code(words), words)
    return None


def _claims(pod: Object) -> set[str]:
    volumes = pod["spec"].get("volumes") or ()
    return {volume["persistentVolumeClaim"]["claimName"] for volume in volumes if "persistentVolumeClaim" in volume}


def _pod_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _owned(found: Object, owner: str) -> bool:
    return any(one["uid"] == owner for one in found["metadata"].get("ownerReferences") or ())


def _revision(replica_set: Object) -> str | None:
    revision = (replica_set["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision")
    return str(revision) if revision is not None else None
