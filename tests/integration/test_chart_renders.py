"""charts/tidegate as Helm renders it: hardened pods, no secret of its own, nothing that Tidegate does not know, mistakes told."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from control_plane.settings import Settings

CHART = Path(__file__).resolve().parents[2] / "charts/tidegate"
HELM = os.environ.get("TIDEGATE_HELM", "")
pytestmark = pytest.mark.skipif(not HELM, reason="no helm program here: scripts/test brings one")
APART = {
    "publicUrl": "https://tidegate.example.org",
    "database": {"existingSecret": "db"},
    "broker": {"existingSecret": "redis"},
}
EVERYTHING = APART | {
    "keys": {"rootSecret": "root", "onlineSecret": "online"},
    "rehearsals": {"kubeconfigSecret": "rehearsals", "context": "test"},
    "webhooks": {"existingSecret": "hooks"},
    "registryCredentials": {"existingSecret": "docker"},
    "accounts": {"existingSecret": "accounts"},
    "git": {"existingSecret": "git"},
    "web": {"replicas": 2},
    "ingress": {"enabled": True, "tlsSecret": "certificate"},
    "settings": {"log_level": "debug", "registry_mirrors": {"*": "https://mirror.example.org"}},
}
EMBEDDED = {"publicUrl": "http://tidegate.local", "embedded": True}
CLIENTS = {"TIDEGATE_URL"}


def helm(tmp_path: Path, values: dict[str, Any]) -> "subprocess.CompletedProcess[str]":
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    command = [HELM, "template", "tidegate", str(CHART), "--namespace", "tidegate", "--values", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def rendered(tmp_path: Path, values: dict[str, Any]) -> list[dict[str, Any]]:
    done = helm(tmp_path, values)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def pods(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Pod templates by their part."""
    found = [document["spec"]["template"] for document in documents if "template" in document.get("spec", {})]
    return {pod["metadata"]["labels"]["app.kubernetes.io/component"]: pod for pod in found}


def of(documents: list[dict[str, Any]], kind: str) -> list[str]:
    return sorted(document["metadata"]["name"] for document in documents if document["kind"] == kind)


@pytest.mark.parametrize("values", [APART, EVERYTHING, EMBEDDED], ids=["least", "everything", "embedded"])
def test_every_pod_is_hardened_and_knows_only_settings_that_there_are(tmp_path: Path, values: dict[str, Any]) -> None:
    documents = rendered(tmp_path, values)
    known = {f"TIDEGATE_{name.upper()}" for name in Settings.model_fields} | CLIENTS
    for part, pod in pods(documents).items():
        spec, [container] = pod["spec"], pod["spec"]["containers"]
        assert not spec["automountServiceAccountToken"], part
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"requests", "limits"} <= set(container["resources"])
        assert part == "migrate" or "livenessProbe" in container
        assert {one["name"] for one in container["env"]} <= known
        assert all("value" in one for one in container["env"]), "secrets come as files, not in the environment"
    assert of(documents, "Secret") == []


def test_each_part_sees_its_own_secrets_and_folders_alone(tmp_path: Path) -> None:
    seen = {
        part: {
            mount["mountPath"].removeprefix("/etc/tidegate/") for mount in pod["spec"]["containers"][0]["volumeMounts"]
        }
        for part, pod in pods(rendered(tmp_path, EVERYTHING)).items()
    }
    data, tuf, evidence = (f"/var/lib/tidegate/data{folder}" for folder in ("", "/tuf", "/evidence"))
    sealing = "/var/lib/tidegate/sealing"
    outside, servers = {"docker", "accounts", "git"}, {"/tmp", "database", "broker"}
    assert seen == {
        "web": {*servers, *outside, "webhooks", data, tuf, evidence, sealing},
        "worker": {*servers, *outside, "root-key", "online-key", data, tuf, sealing},
        "rehearsals": {*servers, "docker", "accounts", "rehearsals", tuf, evidence, sealing},
        "beat": servers,
        "migrate": {"/tmp", "database"},
    }


def test_a_volume_of_one_node_keeps_its_pods_together_and_a_shared_one_does_not(tmp_path: Path) -> None:
    together = {part for part, pod in pods(rendered(tmp_path, EVERYTHING)).items() if "affinity" in pod["spec"]}
    assert together == {"web", "worker", "rehearsals"}
    shared = rendered(tmp_path, EVERYTHING | {"persistence": {"accessMode": "ReadWriteMany"}})
    assert not any("affinity" in pod["spec"] for pod in pods(shared).values())


def test_what_is_asked_for_is_there_and_nothing_else(tmp_path: Path) -> None:
    least, everything, embedded = (rendered(tmp_path, values) for values in (APART, EVERYTHING, EMBEDDED))
    assert (of(least, "Ingress"), of(least, "PodDisruptionBudget")) == ([], [])
    assert of(least, "Deployment") == ["tidegate-beat", "tidegate-web", "tidegate-worker"]
    assert (of(everything, "Ingress"), of(everything, "PodDisruptionBudget")) == (["tidegate"], ["tidegate-web"])
    assert (of(embedded, "StatefulSet"), of(embedded, "Deployment"), of(embedded, "Job")) == (["tidegate"], [], [])
    [ingress] = [document for document in everything if document["kind"] == "Ingress"]
    assert ingress["spec"]["tls"] == [{"hosts": ["tidegate.example.org"], "secretName": "certificate"}]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"publicUrl": ""}, "publicUrl"),
        ({"publicUrl": "tidegate.example.org"}, "publicUrl"),
        ({"database": {}}, "database.existingSecret is missing: name a Secret"),
        ({"broker": {}}, "broker.existingSecret is missing"),
        ({"settings": {"database_url": "postgresql://u:secret@db/t"}}, "settings.database_url: secrets"),
        ({"settings": {"database_password_file": "/x"}}, "settings.database_password_file: secrets"),
        ({"databse": {}}, "databse"),
        ({"web": {"replicas": "two"}}, "replicas"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    done = helm(tmp_path, APART | change)
    assert (done.returncode != 0, words in done.stderr) == (True, True), done.stderr
    assert "secret@" not in done.stderr


def test_the_values_that_the_page_shows_render_and_its_commands_are_there(tmp_path: Path) -> None:
    page = (CHART.parents[1] / "docs/kubernetes.md").read_text()
    [shown] = re.findall(r"```\n# values\.yaml\n(.*?)```", page, re.DOTALL)
    documents = rendered(tmp_path, yaml.safe_load(shown))
    named = {
        volume["secret"]["secretName"]
        for pod in pods(documents).values()
        for volume in pod["spec"]["volumes"]
        if "secret" in volume
    }
    made = set(re.findall(r"create secret generic (\S+)", page))
    assert named == made
    assert os.access(CHART.parents[1] / "scripts/rehearsal-kubeconfig", os.X_OK)
