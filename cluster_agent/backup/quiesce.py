"""Stopping workloads while their data is put back, and starting them again.

How many replicas there were is written on the workload itself before it is scaled down, so whoever comes after a kill can undo it.
"""

import time
from collections.abc import Iterable

from cluster_agent.applying.change import selector
from cluster_agent.applying.kube import Kube
from cluster_agent.errors import ChangeFailed

REPLICAS_ANNOTATION = "tidegate.dev/replicas-before-restore"
KINDS = {"deployment": "Deployment", "statefulset": "StatefulSet"}
STOP_SECONDS = 120.0


def quiesce(kube: Kube, namespace: str, workloads: Iterable[str]) -> None:
    """Scale every ``kind/name`` to zero and wait until its pods are gone. Raises ``ChangeFailed`` where that takes too long."""
    chosen = [_kind_and_name(text) for text in workloads]
    for kind, name in chosen:
        _scale_down(kube, namespace, kind, name)
    deadline = time.monotonic() + STOP_SECONDS
    for kind, name in chosen:
        _wait_gone(kube, namespace, kind, name, deadline)


def unquiesce(kube: Kube, namespace: str, workloads: Iterable[str]) -> None:
    """Scale every workload that ``quiesce`` stopped back to what it was. Harmless when repeated."""
    for kind, name in [_kind_and_name(text) for text in workloads]:
        found = kube.get(kind, namespace, name)
        before = (found or {}).get("metadata", {}).get("annotations", {}).get(REPLICAS_ANNOTATION)
        if before is not None:
            body = {"metadata": {"annotations": {REPLICAS_ANNOTATION: None}}, "spec": {"replicas": int(before)}}
            kube.patch(kind, namespace, name, body)


def _scale_down(kube: Kube, namespace: str, kind: str, name: str) -> None:
    found = kube.get(kind, namespace, name)
    if found is None or found["spec"].get("replicas", 1) == 0:
        return
    # A remembered number stays: it is from before an interrupted restore.
    before = (found["metadata"].get("annotations") or {}).get(REPLICAS_ANNOTATION) or str(
        found["spec"].get("replicas", 1)
    )
    body = {"metadata": {"annotations": {REPLICAS_ANNOTATION: before}}, "spec": {"replicas": 0}}
    kube.patch(kind, namespace, name, body)


def _wait_gone(kube: Kube, namespace: str, kind: str, name: str, deadline: float) -> None:
    found = kube.get(kind, namespace, name)
    if found is None:
        return
    while any(True for _ in kube.list("Pod", namespace, labels=selector(found), metadata_only=True)):
        if time.monotonic() > deadline:
            words = f"{kind} {name} did not stop within {STOP_SECONDS:.0f} s, so its data cannot be restored safely"
            raise ChangeFailed("quiesce_timeout", words)
        time.sleep(0.3)


def _kind_and_name(text: str) -> tuple[str, str]:
    kind, _, name = text.partition("/")
    if kind.lower() not in KINDS or not name:
        raise ChangeFailed("invalid_backup", f"quiesce {text!r}: write deployment/NAME or statefulset/NAME")
    return KINDS[kind.lower()], name
