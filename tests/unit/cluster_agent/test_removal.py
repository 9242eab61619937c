"""What may hold data stays when a release goes, and Helm's memory of the rest is unchanged to the byte."""

import base64
import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_agent.applying import removal
from cluster_agent.contract import yamls
from cluster_agent.errors import ChangeFailed

MANIFEST = """\
---
# Source: é/claim.yaml
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: data   # where it lies
  annotations: {note: "1:30"}
spec: {accessModes: [ReadWriteOnce], mode: 0755}
---
# Source: x/web.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
---
apiVersion: v1
kind: Secret
metadata: {name: password}
---
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: db}
---
"""


def policies(text):
    return {
        one["kind"]: one["metadata"].get("annotations", {}).get("helm.sh/resource-policy")
        for one in yamls.documents(text)
    }


def test_claims_secrets_and_what_operators_keep_stay():
    kept = removal.keeping(MANIFEST, removal.may_hold_data)
    assert policies(kept) == {
        "PersistentVolumeClaim": "keep",
        "Deployment": None,
        "Secret": "keep",
        "Cluster": "keep",
    }
    assert "# Source: x/web.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n---" in kept
    claim = next(iter(yamls.documents(kept)))
    assert claim["metadata"]["annotations"] == {"note": "1:30", "helm.sh/resource-policy": "keep"}
    assert claim["spec"] == {"accessModes": ["ReadWriteOnce"], "mode": 493}
    assert removal.keeping(kept, removal.may_hold_data) == kept


@pytest.mark.parametrize(
    ("version", "kind", "stays"),
    [
        ("v1", "ConfigMap", False),
        ("v1", "Service", False),
        ("batch/v1", "CronJob", False),
        ("networking.k8s.io/v1", "Ingress", False),
        ("v1", "Namespace", True),
        ("v1", "PersistentVolume", True),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", True),
        ("snapshot.storage.k8s.io/v1", "VolumeSnapshot", True),
        ("example.org/v1", "Deployment", True),
    ],
)
def test_only_kinds_of_kubernetes_itself_that_hold_nothing_go(version, kind, stays):
    assert removal.may_hold_data({"apiVersion": version, "kind": kind}) == stays


def test_a_list_with_one_that_may_hold_data_stays():
    claim, page = {"apiVersion": "v1", "kind": "Secret"}, {"apiVersion": "v1", "kind": "ConfigMap"}
    assert removal.may_hold_data({"apiVersion": "v1", "kind": "List", "items": [page, claim]})
    assert not removal.may_hold_data({"apiVersion": "v1", "kind": "List", "items": [page]})


@given(
    kinds=st.lists(st.sampled_from(["Secret", "Service", "PersistentVolumeClaim", "Deployment"]), max_size=8),
    noise=st.text(alphabet="aé漢😀 #", max_size=8),
)
def test_any_manifest_keeps_its_order_and_its_other_documents(kinds, noise):
    parts = [f"kind: {kind}\nmetadata:\n  name: n{number}  # {noise}\n" for number, kind in enumerate(kinds)]
    kept = removal.keeping("---\n".join(parts), removal.may_hold_data)
    assert [one["kind"] for one in yamls.documents(kept)] == kinds
    for kind, part in zip(kinds, parts, strict=True):
        assert (part in kept) == (kind in {"Service", "Deployment"})


class Cluster:
    """An API server with one Helm release of one revision, and a Helm that notes what it is told."""

    def __init__(self, manifest, **objects):
        self.objects = objects
        release = {"version": 1, "manifest": manifest, "info": {"status": "deployed"}}
        packed = base64.b64encode(gzip.compress(json.dumps(release).encode())).decode()
        self.secret = {
            "metadata": {
                "name": "sh.helm.release.v1.app.v1",
                "creationTimestamp": "2026-11-21T12:00:00Z",
                "labels": {"version": "1", "status": "deployed", "name": "app", "owner": "helm"},
            },
            "data": {"release": base64.b64encode(packed.encode()).decode()},
        }
        self.uninstalled = []

    def list(self, kind, namespace, **_):
        yield self.secret

    def get(self, kind, namespace, name):
        return self.secret if name == self.secret["metadata"]["name"] else self.objects.get(kind)

    def replace(self, kind, namespace, body):
        self.secret = body
        return body

    def uninstall(self, name, namespace, *, timeout, keep=False):
        self.uninstalled.append((name, namespace, keep))

    @property
    def manifest(self):
        stored = base64.b64decode(base64.b64decode(self.secret["data"]["release"]))
        return json.loads(gzip.decompress(stored))["manifest"]


def test_helm_is_told_what_stays_before_it_uninstalls():
    cluster = Cluster(MANIFEST)
    removal.remove(cluster, cluster, "apps", "app", timeout=5.0)
    assert cluster.uninstalled == [("app", "apps", True)]
    assert policies(cluster.manifest)["Secret"] == "keep"


def test_what_is_uninstalled_already_is_left_alone():
    cluster = Cluster(MANIFEST)
    cluster.secret["metadata"]["labels"]["status"] = "uninstalled"
    removal.remove(cluster, cluster, "apps", "app", timeout=5.0)
    assert cluster.uninstalled == []


def test_a_statefulset_that_takes_its_claims_along_is_not_removed():
    stateful = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\n"
    for policy, refused in (("Delete", True), ("Retain", False)):
        found = {"spec": {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": policy}}}
        cluster = Cluster(stateful, StatefulSet=found)
        if refused:
            with pytest.raises(ChangeFailed, match="set that to Retain"):
                removal.remove(cluster, cluster, "apps", "app", timeout=5.0)
        else:
            removal.remove(cluster, cluster, "apps", "app", timeout=5.0)
        assert bool(cluster.uninstalled) != refused


@pytest.mark.parametrize(("made", "policy"), [("2026-11-21T11:59:59Z", "keep"), ("2026-11-21T12:00:01Z", None)])
def test_undoing_a_first_install_spares_what_was_there_before_it(made, policy):
    cluster = Cluster(MANIFEST, PersistentVolumeClaim={"metadata": {"creationTimestamp": made}})
    removal.undo_install(cluster, cluster, "apps", "app", timeout=5.0)
    assert cluster.uninstalled == [("app", "apps", False)]
    found = policies(cluster.manifest)
    assert (found["PersistentVolumeClaim"], found["Secret"], found["Cluster"]) == (policy, None, None)
