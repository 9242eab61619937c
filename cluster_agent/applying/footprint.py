"""Whether anything of a release that did not work ever ran. Doubt counts as yes: a restore is left out only where it is certain.

Looked at twice, because a pull or a quota may recover at any moment: before the way back, and after it once the pods that waited are
gone. Certain is it where the former pods still serve and, in the whole namespace, no container and no hook was started since:

| what could have run             | how it would be seen                                                                     |
|---------------------------------|------------------------------------------------------------------------------------------|
| hooks                           | the stored revision has some: not certain                                                |
| bare pods, objects of operators | the stored revision has some, or objects elsewhere: not certain                          |
| a pod that is there             | its containers' states; the former template's hash tells pods of the way back from others |
| a pod that is gone              | the events that the scheduler and the node left of it                                    |
| a pod that is made later        | no controller wants one of another template any more, and has seen that it shall not     |
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cluster_agent.applying import releases
from cluster_agent.applying.kube import Denied, Kube, Object
from cluster_agent.applying.reasons import event_time
from cluster_agent.applying.removal import KUBERNETES_GROUPS
from cluster_agent.contract import yamls
from cluster_agent.contract.rendered import TEST_EVENTS
from cluster_agent.errors import Unreachable

# Nodes and API servers have clocks of their own.
MARGIN = timedelta(seconds=10)
GONE_SECONDS, ROUND_SECONDS = 20.0, 0.3
# A node tells of a start a little later.
CALM_SECONDS = 2.0
CONTROLLERS = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")
STARTED = frozenset({"Created", "Started"})
BEGUN = STARTED | {"Scheduled", "Pulling", "Pulled"}
STATUSES = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
JUST_NOW = "9999-01-01T00:00:00Z"
HASHES = ("pod-template-hash", "controller-revision-hash")


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing was started from ``since`` on; ``templates`` are the hashes that the pods of before carry."""

    since: datetime
    templates: frozenset[str]


def before_way_back(kube: Kube, namespace: str, name: str, *, base: int) -> Quiet | None:
    """Look at what the revision after ``base`` left; None where anything of it ran or may have run. Raises ``Unreachable``."""
    try:
        since = _began(kube, namespace, name, base + 1)
        return None if since is None else look(*_seen(kube, namespace), since - MARGIN)
    except Denied:
        return None


def after_way_back(kube: Kube, namespace: str, quiet: Quiet) -> bool:
    """Wait until nothing is left that could still start; say whether it is certain that nothing did."""
    deadline = time.monotonic() + GONE_SECONDS
    calm_since: float | None = None
    try:
        while (now := time.monotonic()) < deadline:
            verdict = look_again(*_seen(kube, namespace), quiet) if _at_rest(kube, namespace, quiet) else None
            calm_since = (calm_since or now) if verdict else None
            if verdict is False or (calm_since is not None and now - calm_since >= CALM_SECONDS):
                return verdict is True
            time.sleep(ROUND_SECONDS)
    except (Denied, Unreachable):
        pass
    return False


def look(pods: Iterable[Object], events: Iterable[Object], since: datetime) -> Quiet | None:
    """Return what is remembered where no container was started since, and no pod came and went. Pure."""
    pods = list(pods)
    older = [pod for pod in pods if _created(pod) < since]
    newer = [pod for pod in pods if _created(pod) >= since]
    if any(_started_since(pod, since) for pod in older) or any(map(_ever_started, newer)):
        return None
    visible = {pod["metadata"]["uid"] for pod in pods}
    for reason, pod_uid in _later_events(events, since):
        if reason in STARTED or (reason in BEGUN and pod_uid not in visible):
            return None
    return Quiet(since, frozenset(one for pod in older for one in _hashes(pod)))


def look_again(pods: Iterable[Object], events: Iterable[Object], quiet: Quiet) -> bool | None:
    """Say whether nothing but pods of the former template was started; None while others are there that have not. Pure."""
    pods = list(pods)
    strangers = [pod for pod in pods if _created(pod) >= quiet.since and not _hashes(pod) & quiet.templates]
    if any(map(_ever_started, strangers)):
        return False
    if strangers:
        return None
    visible = {pod["metadata"]["uid"] for pod in pods}
    return all(uid in visible for reason, uid in _later_events(events, quiet.since) if reason in STARTED)


def may_make_pods(controller: Object, templates: frozenset[str]) -> bool:
    """Say whether a controller may still make pods of another template than those of before. Pure."""
    if int(controller.get("status", {}).get("observedGeneration") or 0) < int(controller["metadata"]["generation"]):
        return True
    return (
        controller["kind"] == "ReplicaSet"
        and not _hashes(controller) & templates
        and bool(controller["spec"].get("replicas", 1) or controller["status"].get("replicas"))
    )


def has_hidden_work(manifest: str, hooks: Iterable[releases.Hook], namespace: str) -> bool:
    """Say whether a revision has what may run, or make others run, without a pod that its containers' states tell of. Pure."""
    if any(not set(hook.events) <= TEST_EVENTS for hook in hooks):
        return True
    return any(_is_hidden(one, namespace) for one in yamls.documents(manifest) if one is not None)


def _is_hidden(one: Any, namespace: str) -> bool:
    if not isinstance(one, dict):
        return True
    group, kind = str(one.get("apiVersion", "")).rpartition("/")[0], str(one.get("kind", ""))
    elsewhere = (one.get("metadata") or {}).get("namespace") or namespace
    return group not in KUBERNETES_GROUPS or kind == "Pod" or kind.endswith("List") or elsewhere != namespace


def _began(kube: Kube, namespace: str, name: str, number: int) -> datetime | None:
    """Return when our one try began, by the server's clock; None where it is not the newest revision or hides work."""
    newest = next(reversed(releases.history(kube, namespace, name)), None)
    if newest is None or newest.number != number or not newest.ours:
        return None
    stored = releases.record(kube, namespace, name, number)
    if stored is None or has_hidden_work(stored.manifest, stored.hooks, namespace):
        return None
    return _moment(stored.created)


def _seen(kube: Kube, namespace: str) -> tuple[list[Object], list[Object]]:
    """Pods first: what starts and goes in between has left its events."""
    return list(kube.list("Pod", namespace)), list(kube.list("Event", namespace, fields="involvedObject.kind=Pod"))


def _at_rest(kube: Kube, namespace: str, quiet: Quiet) -> bool:
    found = (one | {"kind": kind} for kind in CONTROLLERS for one in kube.list(kind, namespace))
    return not any(may_make_pods(one, quiet.templates) for one in found)


def _later_events(events: Iterable[Object], since: datetime) -> Iterator[tuple[str, str]]:
    """Yield reason and pod of every event that did not surely happen before."""
    for event in events:
        happened = event_time(event)
        if not happened or _moment(happened) >= since:
            yield event.get("reason") or "", event["involvedObject"].get("uid") or ""


def _ever_started(pod: Object) -> bool:
    return any(
        status.get("containerID") or status.get("restartCount") or status.get("lastState") or _began_at(status)
        for status in _container_statuses(pod)
    )


def _started_since(pod: Object, since: datetime) -> bool:
    return any(_moment(began) >= since for status in _container_statuses(pod) for began in _began_at(status))


def _began_at(status: Object) -> list[str]:
    """Return the times at which a container was started, as far as its status remembers; one that is unknown counts as just now."""
    states = [*(status.get("state") or {}).items(), *(status.get("lastState") or {}).items()]
    return [(state or {}).get("startedAt") or JUST_NOW for name, state in states if name != "waiting"]


def _container_statuses(pod: Object) -> Iterator[Object]:
    for key in STATUSES:
        yield from pod.get("status", {}).get(key) or ()


def _hashes(found: Object) -> set[str]:
    labels = found["metadata"].get("labels") or {}
    return {labels[key] for key in HASHES if key in labels}


def _created(pod: Object) -> datetime:
    return _moment(pod["metadata"]["creationTimestamp"])


def _moment(text: str) -> datetime:
    """Read a time of Kubernetes; fractions of a second do not count."""
    return datetime.fromisoformat(text[:19]).replace(tzinfo=UTC)
