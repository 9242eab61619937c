"""Taking a release away without losing what its users made.

What may hold data stays: claims, volumes, secrets (a database's password, a key that data is encrypted with), namespaces, and every
object of a kind that Kubernetes itself does not bring, because deleting one may make its operator delete what it keeps. Helm is told so
in its own words, ``helm.sh/resource-policy: keep``, written into the stored manifest first; a kill between the two changes nothing.
Hooks do not run: they were never rehearsed, and one may clean up more than we would.
"""

import json
from collections.abc import Callable
from typing import Any

from cluster_agent.applying import releases
from cluster_agent.applying.helm import HelmDriver
from cluster_agent.applying.kube import Kube, Object
from cluster_agent.applying.revisions import UNINSTALLED
from cluster_agent.contract import yamls
from cluster_agent.errors import ChangeFailed

POLICY_ANNOTATION = "helm.sh/resource-policy"
DATA_KINDS = frozenset({"CustomResourceDefinition", "Namespace", "PersistentVolume", "PersistentVolumeClaim", "Secret"})
KUBERNETES_GROUPS = frozenset(
    {
        "",
        "admissionregistration.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "autoscaling",
        "batch",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "networking.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "scheduling.k8s.io",
    }
)


def remove(driver: HelmDriver, kube: Kube, namespace: str, name: str, *, timeout: float) -> None:
    """Uninstall the release, keep what may hold data and Helm's history. Harmless when repeated.

    Raises ``ChangeFailed`` (``claims_at_risk``: a StatefulSet would take its claims along), ``Unreachable`` or ``Conflict``.
    """
    found = releases.history(kube, namespace, name)
    if not found or found[-1].status == UNINSTALLED:
        return
    _refuse_claims_at_risk(kube, namespace, name, found[-1].number)
    releases.edit_manifest(kube, namespace, name, found[-1].number, lambda text: keeping(text, may_hold_data))
    driver.uninstall(name, namespace, timeout=timeout, keep=True)


def undo_install(driver: HelmDriver, kube: Kube, namespace: str, name: str, *, timeout: float) -> None:
    """Take a first install away again, all of it but claims and secrets that were there before it."""
    found = releases.history(kube, namespace, name)
    if found:
        began = releases.created(kube, namespace, name, found[0].number)
        releases.edit_manifest(
            kube,
            namespace,
            name,
            found[-1].number,
            lambda text: keeping(text, lambda one: _is_older(kube, namespace, one, began)),
        )
    driver.uninstall(name, namespace, timeout=timeout)


def may_hold_data(manifest: Object) -> bool:
    """Say whether an object, or one in a list of them, may hold what cannot be made again."""
    group = str(manifest.get("apiVersion", "")).rpartition("/")[0]
    listed = [one for one in manifest.get("items") or () if isinstance(one, dict)]
    return manifest.get("kind") in DATA_KINDS or group not in KUBERNETES_GROUPS or any(map(may_hold_data, listed))


def keeping(rendered: str, is_kept: Callable[[Object], bool]) -> str:
    """Return manifests in which every one that ``is_kept`` tells Helm to keep it. The others are unchanged to the byte."""
    parts, done = [], 0
    for root, manifest in yamls.documents_with_nodes(rendered):
        if isinstance(manifest, dict) and _policy(manifest) != "keep" and is_kept(manifest):
            parts += [rendered[done : root.start_mark.index], json.dumps(_with_policy(manifest)), "\n"]
            done = root.end_mark.index
    return "".join([*parts, rendered[done:]])


def _policy(manifest: Object) -> object:
    return ((manifest.get("metadata") or {}).get("annotations") or {}).get(POLICY_ANNOTATION)


def _with_policy(manifest: Object) -> Object:
    metadata: dict[str, Any] = manifest.get("metadata") or {}
    annotations = {**(metadata.get("annotations") or {}), POLICY_ANNOTATION: "keep"}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def _is_older(kube: Kube, namespace: str, manifest: Object, began: str) -> bool:
    if manifest.get("kind") not in {"PersistentVolumeClaim", "Secret"}:
        return False
    metadata = manifest.get("metadata") or {}
    found = kube.get(manifest["kind"], metadata.get("namespace") or namespace, metadata.get("name", ""))
    return found is not None and str(found["metadata"]["creationTimestamp"]) < began


def _refuse_claims_at_risk(kube: Kube, namespace: str, name: str, number: int) -> None:
    stored = releases.record(kube, namespace, name, number)
    for manifest in yamls.documents(stored.manifest) if stored else ():
        if not isinstance(manifest, dict) or manifest.get("kind") != "StatefulSet":
            continue
        found = kube.get(
            "StatefulSet", manifest["metadata"].get("namespace") or namespace, manifest["metadata"]["name"]
        )
        policy = (found or {}).get("spec", {}).get("persistentVolumeClaimRetentionPolicy") or {}
        if policy.get("whenDeleted") == "Delete":
            words = (
                f"StatefulSet {manifest['metadata']['name']} deletes its claims when it is deleted (whenDeleted: Delete): "
                "set that to Retain, or uninstall it by hand"
            )
            raise ChangeFailed("claims_at_risk", words)
