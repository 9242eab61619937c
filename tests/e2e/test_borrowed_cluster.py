"""Rehearsals that share a cluster of somebody's: what a killed one left is removed, what is in use is waited for."""

from __future__ import annotations

import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest

from test_harness.clusters import namespaces
from test_harness.clusters.existing import ExistingProvider
from test_harness.clusters.kind import KindProvider
from test_harness.clusters.namespaces import STILL_SECONDS, USER
from test_harness.doctor_existing import Borrowed
from test_harness.offline import binaries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


CHART = "apiVersion: v2\nname: reader\nversion: 1.0.0\n"
WIDE = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "{{ .Release.Namespace }}-reader"}
rules: [{apiGroups: [""], resources: [nodes], verbs: [get]}]
"""


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A chart with an object that is in no namespace."""
    (tmp_path / "reader" / "templates").mkdir(parents=True)
    (tmp_path / "reader" / "Chart.yaml").write_text(CHART)
    (tmp_path / "reader" / "templates" / "role.yaml").write_text(WIDE)
    return tmp_path / "reader"


def install(cluster: OwnCluster, chart: Path, namespace: str) -> None:
    helm = [binaries.ensure(binaries.HELM), "--kubeconfig", cluster.kubeconfig, "--namespace", namespace]
    subprocess.run([*helm, "install", "reader", chart], check=True, capture_output=True)


def there(cluster: OwnCluster, kind: str) -> set[str]:
    return set(cluster.kubectl("get", kind, "--output", "jsonpath={.items[*].metadata.name}").split())


def wait_until_gone(cluster: OwnCluster, kind: str, name: str, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while name in there(cluster, kind):
        assert time.monotonic() < deadline, f"{kind} {name} is still there"
        time.sleep(1)


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


def test_what_a_rehearsal_installed_outside_of_its_namespace_goes_with_it(cluster, lender, chart):
    borrowed = lender.create("run-4")
    borrowed.claim_namespace("wide")
    install(cluster, chart, "wide")
    assert "wide-reader" in there(cluster, "clusterrole")
    borrowed.delete()
    assert "wide-reader" not in there(cluster, "clusterrole")
    assert "wide" not in there(cluster, "namespace")


def test_what_a_killed_rehearsal_left_goes_with_the_next_one_whatever_it_rehearses(cluster, lender, chart):
    killed, living = lender.create("run-5"), lender.create("run-6")
    killed.claim_namespace("abandoned")
    install(cluster, chart, "abandoned")
    living.claim_namespace("in-use")
    cluster.kubectl("create", "namespace", "a-persons")
    cluster.kubectl("label", "namespace", "a-persons", namespaces.OURS)  # may be deleted by who wants that very one
    killed.deleted.set()
    next_one = lender.create("run-7")
    next_one.claim_namespace("other")

    wait_until_gone(cluster, "namespace", "abandoned", seconds=STILL_SECONDS + 30)
    assert "abandoned-reader" not in there(cluster, "clusterrole")
    assert {"in-use", "other", "a-persons"} <= there(cluster, "namespace")
    assert (user_of(cluster, "in-use"), user_of(cluster, "other")) == (living.name, next_one.name)
    living.delete()
    next_one.delete()
    assert not {"in-use", "other"} & there(cluster, "namespace")


def test_who_comes_second_takes_nothing_over(cluster, lender):
    killed, first, second = (lender.create(f"run-{number}") for number in (8, 9, 10))
    killed.claim_namespace("wanted")
    seen = namespaces._find(cluster, "wanted")
    killed.deleted.set()
    assert namespaces._take_over(first, seen, first.name)
    assert not namespaces._take_over(second, seen, second.name)
    assert user_of(cluster, "wanted") == first.name
    first.delete()
    second.delete()


def test_the_doctor_sees_whether_the_account_may_rehearse(cluster, tmp_path):
    assert [check.ok for check in Borrowed(cluster.kubeconfig).checks()] == [True, True]
    weak = tmp_path / "kubeconfig"
    weak.write_bytes(cluster.kubeconfig.read_bytes())
    token = cluster.kubectl("create", "token", "default").strip()
    kubectl = [binaries.ensure(binaries.KUBECTL), "--kubeconfig", weak, "config"]
    subprocess.run([*kubectl, "set-credentials", "weak", f"--token={token}"], check=True, capture_output=True)
    names = [f"--cluster=kind-{cluster.name}", "--user=weak"]
    subprocess.run([*kubectl, "set-context", "weak", *names], check=True, capture_output=True)
    reached, rights = Borrowed(weak, "weak").checks()
    assert (reached.ok, rights.ok, rights.detail) == (True, False, "it may not create, patch, delete namespaces")
