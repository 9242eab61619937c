"""Namespaces that are ours: made with our label and the user's name, never touched without the label.

Whoever uses one in a cluster of somebody's keeps its beat changing. A namespace of another user whose beat stands still was
left by one that was killed: it is taken over, by one alone, and removed with all that was installed from it, also outside of
it. No clock is compared, so machines may disagree about the time.
"""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from test_harness.clusters import CREATED_BY, ClusterError, NotOurs
from test_harness.offline.progress import note

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OURS = f"{CREATED_BY}=tidegate"
USER = "tidegate.dev/rehearsal"
BEAT = "tidegate.dev/beat"
BEAT_SECONDS = 5.0
STILL_SECONDS = 30.0
"""A beat that stands still for so long belongs to nobody."""

Described = dict[str, Any]
"""A namespace as the API server describes it."""


class Asks(Protocol):
    """Something that runs kubectl and helm for one cluster."""

    @property
    def name(self) -> str:
        """Who uses the namespaces: the cluster's name, or the rehearsal's."""

    def kubectl(self, *arguments: str | Path, text_in: str | None = None, timeout: float = 120) -> str:
        """What `kubectl ARGUMENTS…` prints."""

    def helm(self, *arguments: str | Path, timeout: float = 120) -> str:
        """What `helm ARGUMENTS…` prints."""


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
        still = _stands_still(cluster, found)
        if still and _take_over(cluster, still, cluster.name):
            _remove(cluster, namespace)
    labels = {CREATED_BY: "tidegate", USER: cluster.name}
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}
    cluster.kubectl("create", "--filename", "-", text_in=json.dumps(manifest))


def delete_ours(cluster: Asks) -> None:
    """Remove every namespace that this user made, and wait until they are gone."""
    _remove(cluster, *names_of_ours(cluster))


def names_of_ours(cluster: Asks) -> list[str]:
    """The namespaces that this user made."""
    return [each["metadata"]["name"] for each in _list(cluster, f"{USER}={cluster.name}")]


def keep_beating(cluster: Asks, until: threading.Event) -> None:
    """Change the beat of this user's namespaces from a thread, so that others see that they are used."""

    def beat() -> None:
        selector = f"{OURS},{USER} in ({cluster.name},{_sweeper(cluster)})"
        for number in _counted(until):
            try:
                cluster.kubectl("annotate", "namespace", "--overwrite", "--selector", selector, f"{BEAT}={number}")
            except ClusterError:
                continue  # the next one may come through; what is wrong with the cluster shows elsewhere

    threading.Thread(target=beat, name=f"beat-of-{cluster.name}", daemon=True).start()


def keep_sweeping(cluster: Asks, until: threading.Event) -> None:
    """Remove what killed users left, whatever its name, from a thread: nobody waits for it, and the next one goes on with it."""

    def sweep() -> None:
        try:
            before = {each["metadata"]["uid"]: _sign_of_life(each) for each in _of_others(cluster)}
            if not before or until.wait(STILL_SECONDS):
                return
            for each in _of_others(cluster):
                is_left = before.get(each["metadata"]["uid"]) == _sign_of_life(each)
                if is_left and _take_over(cluster, each, _sweeper(cluster)):
                    _remove(cluster, each["metadata"]["name"])
        except ClusterError as error:
            if not until.is_set():
                note(f"what a killed rehearsal left in {cluster.name} could not be removed: {error}")

    threading.Thread(target=sweep, name=f"sweep-of-{cluster.name}", daemon=True).start()


def _sweeper(cluster: Asks) -> str:
    """The user that has what is only to be removed: apart, so that its own namespaces never wait for that."""
    return f"{cluster.name}-sweep"


def _of_others(cluster: Asks) -> list[Described]:
    found = _list(cluster, f"{USER},{USER} notin ({cluster.name},{_sweeper(cluster)})")
    return [each for each in found if "deletionTimestamp" not in each["metadata"]]


def _counted(until: threading.Event) -> Iterator[int]:
    number = 0
    while not until.wait(BEAT_SECONDS):
        number += 1
        yield number


def _stands_still(cluster: Asks, before: Described) -> Described | None:
    """The namespace after a while in which nobody touched it; None as soon as somebody does (or takes it away)."""
    deadline = time.monotonic() + STILL_SECONDS
    now = before
    while time.monotonic() < deadline:
        time.sleep(1)
        found = _find(cluster, before["metadata"]["name"])
        if found is None or _sign_of_life(found) != _sign_of_life(before):
            return None
        now = found
    return now


def _sign_of_life(namespace: Described) -> tuple[str, str, str]:
    described = namespace["metadata"]
    user, beat = described.get("labels", {}).get(USER, ""), described.get("annotations", {}).get(BEAT, "")
    return described["uid"], user, beat


def _take_over(cluster: Asks, seen: Described, user: str) -> bool:
    """Give the namespace to `user`, unless it changed since it was seen: then somebody else was faster, or it lives."""
    described = seen["metadata"]
    version = f"--resource-version={described['resourceVersion']}"
    try:
        cluster.kubectl("label", "namespace", described["name"], "--overwrite", version, f"{USER}={user}")
    except ClusterError:
        return False
    return True


def _remove(cluster: Asks, *names: str) -> None:
    """Uninstall what is installed there, because charts make objects outside of their namespace too, then delete the namespaces."""
    for namespace in names:
        _uninstall(cluster, namespace)
    if names:
        cluster.kubectl("delete", "namespace", *names, "--ignore-not-found", "--timeout=120s", timeout=150)


def _uninstall(cluster: Asks, namespace: str) -> None:
    """Uninstall every release; without hooks, which nobody waits for. What Helm cannot remove is said, and goes with its namespace."""
    within = ["--namespace", namespace]
    try:
        releases = cluster.helm("list", "--short", *within).split()
        if releases:
            cluster.helm("uninstall", *releases, *within, "--no-hooks", "--ignore-not-found", "--timeout=60s")
    except ClusterError as error:
        note(f"Helm could not uninstall all of namespace {namespace}: objects outside of it may be left: {error}")


def _find(cluster: Asks, namespace: str) -> Described | None:
    found = cluster.kubectl("get", "namespace", namespace, "--ignore-not-found", "--output", "json")
    described: Described | None = json.loads(found) if found.strip() else None
    return described


def _list(cluster: Asks, selector: str) -> list[Described]:
    found = json.loads(cluster.kubectl("get", "namespace", "--selector", f"{OURS},{selector}", "--output", "json"))
    items: list[Described] = found["items"]
    return items
