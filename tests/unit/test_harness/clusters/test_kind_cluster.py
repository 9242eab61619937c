"""When a cluster counts as ready."""

from __future__ import annotations

import pytest

from test_harness.clusters.kind_cluster import lacking

ACCOUNT = {"kind": "ServiceAccount", "metadata": {"name": "default"}}


def node(*conditions: dict[str, str]) -> dict[str, object]:
    return {"kind": "Node", "metadata": {"name": "one"}, "status": {"conditions": list(conditions)}}


READY = node({"type": "DiskPressure", "status": "False"}, {"type": "Ready", "status": "True"})
WAITING = node({"type": "Ready", "status": "False", "message": "container runtime is down"})


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        ([READY, ACCOUNT], ""),
        ([], "there is no node yet"),
        ([ACCOUNT], "there is no node yet"),
        ([WAITING, ACCOUNT], "container runtime is down"),
        ([READY, WAITING, ACCOUNT], "container runtime is down"),
        ([node(), ACCOUNT], "node one is not ready"),
        ([READY], "the default service account is not there yet"),
        (
            [READY, {"kind": "ServiceAccount", "metadata": {"name": "other"}}],
            "the default service account is not there yet",
        ),
    ],
)
def test_ready_means_nodes_and_the_default_account(objects, words):
    assert lacking(objects) == words
