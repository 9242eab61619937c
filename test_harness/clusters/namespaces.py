"""Namespaces that are ours: made with our label and the user's name, never touched without the label.

Whoever uses one in a cluster of somebody's keeps its beat changing. A namespace of another user whose beat stands still was
left by one that was killed: it is deleted and made anew. No clock is compared, so machines may disagree about the time.
"""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from test_harness.clusters import CREATED_BY, ClusterError, NotOurs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OURS = f"{CREATED_BY}=tidegate"
USER = "tidegate.dev/rehearsal"
BEAT = "tidegate.dev/beat"
BEAT_SECONDS = 5.0
STILL_SECONDS = 30.0
"""A beat that stands still for so long belongs to nobody."""


class Asks(Protocol):
    """Something that runs kubectl for one cluster."""

    @property
    def name(self) -> str:
        """Who uses the namespaces: the cluster's name, or the rehearsal's."""

    def kubectl(self, *arguments: str | Path, text_in: str | None = None, timeout: float = 120) -> str:
        """What `kubectl ARGUMENTS…` prints."""


def claim(cluster: Asks, namespace: str, where: str) -> None:
    """Make the namespace with our label, or find it so. Raises `NotOurs` where it is there without the label.

    Waits while another user of ours has it.
    """
    while found := _find(cluster, namespace):
        labels = found["metadata"].get("labels", {})
        if labels.get(CREATED_BY) != "tidegate":
            raise NotOurs(
                f"namespace {namespace} of {where} was not made by Tidegate: choose another namespace,"
                f" or label it `{OURS}` if everything in it may be deleted"
            )
        if labels.get(USER) == cluster.name:
            return
        if not _changes(cluster, namespace, found):
            _delete(cluster, namespace)
    labels = {CREATED_BY: "tidegate", USER: cluster.name}
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}
    cluster.kubectl("create", "--filename", "-", text_in=json.dumps(manifest))


def delete_ours(cluster: Asks) -> None:
    """Delete every namespace that this user made, and wait until they are gone."""
    _delete(cluster, "--selector", f"{OURS},{USER}={cluster.name}")


def names_of_ours(cluster: Asks) -> list[str]:
    """The namespaces that this user made."""
    jsonpath = "jsonpath={.items[*].metadata.name}"
    selector = f"{OURS},{USER}={cluster.name}"
    return cluster.kubectl("get", "namespace", "--selector", selector, "--output", jsonpath).split()


def keep_beating(cluster: Asks, until: threading.Event) -> None:
    """Change the beat of this user's namespaces from a thread, so that others see that they are used."""

    def beat() -> None:
        for number in _counted(until):
            try:
                selector = f"{OURS},{USER}={cluster.name}"
                cluster.kubectl("annotate", "namespace", "--overwrite", "--selector", selector, f"{BEAT}={number}")
            except ClusterError:
                continue  # the next one may come through; what is wrong with the cluster shows elsewhere

    threading.Thread(target=beat, name=f"beat-of-{cluster.name}", daemon=True).start()


def _counted(until: threading.Event) -> Iterator[int]:
    number = 0
    while not until.wait(BEAT_SECONDS):
        number += 1
        yield number


def _changes(cluster: Asks, namespace: str, before: dict[str, Any]) -> bool:
    """Whether somebody touches the namespace (or takes it away) while we look."""
    deadline = time.monotonic() + STILL_SECONDS
    while time.monotonic() < deadline:
        time.sleep(1)
        now = _find(cluster, namespace)
        if now is None or _sign_of_life(now) != _sign_of_life(before):
            return True
    return False


def _sign_of_life(namespace: dict[str, Any]) -> tuple[str, str]:
    described = namespace["metadata"]
    return described["uid"], described.get("annotations", {}).get(BEAT, "")


def _find(cluster: Asks, namespace: str) -> dict[str, Any] | None:
    found = cluster.kubectl("get", "namespace", namespace, "--ignore-not-found", "--output", "json")
    described: dict[str, Any] | None = json.loads(found) if found.strip() else None
    return described


def _delete(cluster: Asks, *which: str) -> None:
    cluster.kubectl("delete", "namespace", *which, "--ignore-not-found", "--timeout=120s", timeout=150)
