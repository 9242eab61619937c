"""Coarse facts of the cluster for reports. What the agent may not read stays empty."""

import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from cluster_agent.applying.kube import Kube
from cluster_agent.contract import Facts
from cluster_agent.contract.manifest import CAPABILITIES
from cluster_agent.errors import AgentError

FRESH_SECONDS = 600.0


def reader(kube: Kube, *, allowed: bool) -> Callable[[], Facts]:
    """Return a function that gives the facts, read anew every ten minutes. ``allowed``: nodes and storage classes may be read."""
    known, read_at = Facts(), float("-inf")

    def facts() -> Facts:
        nonlocal known, read_at
        if time.monotonic() - read_at > FRESH_SECONDS:
            known, read_at = _read(kube, allowed=allowed), time.monotonic()
        return known

    return facts


def cluster_uid(kube: Kube, *, allowed: bool) -> str:
    """Return the UID of namespace kube-system, the usual name of a cluster; empty where it may not be read."""
    try:
        found = kube.get("Namespace", None, "kube-system") if allowed else None
    except AgentError:
        return ""
    return str(found["metadata"]["uid"]) if found else ""


def _read(kube: Kube, *, allowed: bool) -> Facts:
    kubernetes, architecture, classes = "", "", ()
    try:
        kubernetes = kube.version()
        if allowed:
            node = next(kube.list("Node", None, chunk=1), None)
            architecture = node["status"]["nodeInfo"]["architecture"] if node else ""
            classes = tuple(one["metadata"]["name"] for one in kube.list("StorageClass", None, metadata_only=True))
    except AgentError:
        pass  # a report without them is better than none
    return Facts(
        kubernetes=kubernetes,
        architecture=architecture,
        storage_classes=classes,
        agent_version=_own_version(),
        capabilities=tuple(sorted(CAPABILITIES)),
    )


def _own_version() -> str:
    try:
        return version("tidegate")
    except PackageNotFoundError:
        return ""
