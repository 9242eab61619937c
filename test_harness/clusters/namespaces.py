"""Namespaces that are ours: made with our label, never touched without it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

from test_harness.clusters import CREATED_BY, NotOurs

if TYPE_CHECKING:
    from pathlib import Path

OURS = f"{CREATED_BY}=tidegate"


class Asks(Protocol):
    """Something that runs kubectl for one cluster."""

    def kubectl(self, *arguments: str | Path, text_in: str | None = None, timeout: float = 120) -> str:
        """What `kubectl ARGUMENTS…` prints."""


def claim(cluster: Asks, namespace: str, where: str) -> None:
    """Make the namespace with our label, or find it so. Raises `NotOurs` where it is there without the label."""
    found = cluster.kubectl("get", "namespace", namespace, "--ignore-not-found", "--output", "json")
    if not found.strip():
        labels = {CREATED_BY: "tidegate"}
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}
        cluster.kubectl("create", "--filename", "-", text_in=json.dumps(manifest))
    elif json.loads(found)["metadata"].get("labels", {}).get(CREATED_BY) != "tidegate":
        raise NotOurs(
            f"namespace {namespace} of {where} was not made by Tidegate: choose another namespace,"
            f" or label it `{OURS}` if everything in it may be deleted"
        )


def delete_ours(cluster: Asks) -> None:
    """Delete every namespace that carries our label, and wait until they are gone."""
    cluster.kubectl("delete", "namespace", "--selector", OURS, "--ignore-not-found", "--timeout=120s", timeout=150)


def names_of_ours(cluster: Asks) -> list[str]:
    """The namespaces that carry our label."""
    jsonpath = "jsonpath={.items[*].metadata.name}"
    return cluster.kubectl("get", "namespace", "--selector", OURS, "--output", jsonpath).split()
