"""Why a change does not work, in one line that a person can act on: a crashed program's own words, or a controller's."""

from cluster_agent.applying.kube import Kube, Object
from cluster_agent.applying.readiness import Hopeless, Target, Waiting, telling_line
from cluster_agent.errors import ChangeFailed


def given_up(kube: Kube, target: Target, verdict: Hopeless) -> ChangeFailed:
    """Return why ``target`` will never be ready, with the log line of whatever crashed."""
    words = f"{target}: {verdict.why}"
    pod = verdict.pod or (_pod_of_job(kube, target) if target.kind == "Job" else "")
    if pod and verdict.code in {"crash_loop", "job_failed", "pod_failed"}:
        line = _last_words(kube, target.namespace, pod, verdict.container, crashed=verdict.crashed)
        words = f"{words}: {line}" if line else words
    return ChangeFailed(verdict.code, words)


def timed_out(kube: Kube, since: str, waiting: list[tuple[Target, Waiting | Hopeless]], timeout: float) -> ChangeFailed:
    """Return what was still missing at the time limit, with the newest warning about it."""
    target, verdict = next(((one, why) for one, why in waiting if isinstance(why, Hopeless)), waiting[0])
    if isinstance(verdict, Hopeless):
        return given_up(kube, target, verdict)
    words = f"not ready after {timeout:.0f} s: {target}: {verdict.why}"
    probe = _probe_complaint(kube, since, target)
    return ChangeFailed("timeout", f"{words}: {probe}" if probe else words)


def _probe_complaint(kube: Kube, since: str, target: Target) -> str:
    events = kube.list("Event", target.namespace, fields="type=Warning,involvedObject.kind=Pod")
    mine = [one for one in events if one["involvedObject"].get("name", "").startswith(target.name)]
    newest = max((one for one in mine if event_time(one) >= since), key=event_time, default=None)
    return " ".join(newest.get("message", "").split())[:300] if newest else ""


def explain_hook(kube: Kube, namespace: str, job: str) -> str:
    """Return the telling log line of a hook's job, or an empty text where it left none."""
    target = Target("Job", namespace, job)
    pod = _pod_of_job(kube, target)
    return _last_words(kube, namespace, pod, "", crashed=False) if pod else ""


def _pod_of_job(kube: Kube, target: Target) -> str:
    pods = sorted(
        kube.list("Pod", target.namespace, labels=f"batch.kubernetes.io/job-name={target.name}"),
        key=lambda pod: str(pod["metadata"]["creationTimestamp"]),
    )
    return pods[-1]["metadata"]["name"] if pods else ""


def _last_words(kube: Kube, namespace: str, pod: str, container: str, *, crashed: bool) -> str:
    found = kube.get("Pod", namespace, pod)
    if found is None:
        return ""
    for name in [container] if container else [one["name"] for one in found["spec"]["containers"]]:
        # Right after a crash the node may not find one of the two; its excuse is no log line.
        for previous in (True, False) if crashed else (False,):
            log = kube.log(namespace, pod, name, previous=previous)
            if log and not log.startswith("unable to retrieve container logs"):
                return telling_line(log)
    return ""


def event_time(event: Object) -> str:
    """Return when an event last happened, by the server's clock, as text that sorts."""
    series = (event.get("series") or {}).get("lastObservedTime") or ""
    return max(event.get("lastTimestamp") or "", (event.get("eventTime") or "")[:19], series[:19])
