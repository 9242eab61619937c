"""Rehearsals that share a cluster of somebody's: what a killed one left is taken over, what is in use is waited for."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from test_harness.clusters.existing import ExistingProvider
from test_harness.clusters.kind import KindProvider
from test_harness.clusters.namespaces import STILL_SECONDS, USER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from test_harness.clusters.kind_cluster import OwnCluster

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def cluster() -> Iterator[OwnCluster]:
    made = KindProvider().create("lent")
    yield made
    made.delete()


@pytest.fixture
def lender(cluster: OwnCluster) -> ExistingProvider:
    return ExistingProvider(cluster.kubeconfig)


def user_of(cluster: OwnCluster, namespace: str) -> str:
    label = USER.replace(".", "\\.")
    return cluster.kubectl("get", "namespace", namespace, "--output", f"jsonpath={{.metadata.labels.{label}}}")


def test_what_a_killed_rehearsal_left_is_made_anew(cluster, lender):
    killed, next_one = lender.create("run-1"), lender.create("run-1")
    killed.claim_namespace("left")
    cluster.kubectl("create", "configmap", "old", "--namespace", "left")
    killed.deleted.set()  # its beat stops, and nothing else: as kill -9 leaves it

    next_one.claim_namespace("left")

    assert user_of(cluster, "left") == next_one.name
    assert not cluster.kubectl("get", "configmap", "old", "--namespace", "left", "--ignore-not-found")
    next_one.delete()


def test_what_another_uses_is_waited_for_and_never_deleted(cluster, lender):
    first, second = lender.create("run-2"), lender.create("run-3")
    first.claim_namespace("shared")
    second.claim_namespace("own")
    waiting = threading.Thread(target=second.claim_namespace, args=("shared",))
    waiting.start()

    time.sleep(STILL_SECONDS + 5)
    assert user_of(cluster, "shared") == first.name
    first.delete()
    assert user_of(cluster, "own") == second.name

    waiting.join(timeout=60)
    assert user_of(cluster, "shared") == second.name
    second.delete()
    assert "namespace/shared" not in cluster.kubectl("get", "namespaces", "--output", "name").split()
