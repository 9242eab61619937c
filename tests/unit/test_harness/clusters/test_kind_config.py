"""The texts that clusters are configured with."""

from __future__ import annotations

import json
import subprocess
import tomllib

import yaml

from test_harness.clusters.kind_config import (
    cluster_config,
    mirror_hosts,
    pull_accounts,
    pull_script,
    trusted_host,
    wrapper_script,
)


def patches(text: str) -> dict[str, dict[str, object]]:
    """Kind of patch → what it sets, merged in order as kind does."""
    merged: dict[str, dict[str, object]] = {}
    for patch in yaml.safe_load(text)["kubeadmConfigPatches"]:
        described = json.loads(patch)
        merged.setdefault(described["kind"], {}).update(described)
    return merged


def test_ordinary_cluster_keeps_kinds_settings_for_the_machine():
    kubelet = patches(cluster_config(patched=False))["KubeletConfiguration"]

    assert "failCgroupV1" not in kubelet
    assert "KubeProxyConfiguration" not in patches(cluster_config(patched=False))


def test_restricted_machine_gets_its_settings():
    merged = patches(cluster_config(patched=True))

    assert merged["KubeletConfiguration"]["failCgroupV1"] is False
    assert merged["KubeletConfiguration"]["nodeStatusUpdateFrequency"] == "250ms"
    assert merged["KubeProxyConfiguration"]["mode"] == "nftables"


def test_lone_control_plane_does_not_campaign():
    (appended,) = yaml.safe_load(cluster_config(patched=False))["kubeadmConfigPatchesJSON6902"]
    operations = json.loads(appended["patch"])

    assert {
        "op": "add",
        "path": "/scheduler/extraArgs",
        "value": [{"name": "leader-elect", "value": "false"}],
    } in operations
    manager = [each["value"] for each in operations if each["path"] == "/controllerManager/extraArgs/-"]
    assert {"name": "leader-elect", "value": "false"} in manager


def test_mirror_is_asked_for_every_registry():
    assert tomllib.loads(mirror_hosts("http://172.18.0.1:5000")) == {
        "host": {"http://172.18.0.1:5000": {"capabilities": ["pull", "resolve"]}}
    }


def test_wrapper_sets_the_environment_passes_arguments_and_keeps_messages(tmp_path):
    program = tmp_path / "it's kind"
    program.write_text('#!/bin/sh\necho "$DOCKER_HOST|$1|$2"; echo oops >&2; exit 3\n')
    program.chmod(0o755)
    script = tmp_path / "script"
    log = tmp_path / "a log"
    script.write_text(wrapper_script(str(program), {"DOCKER_HOST": "unix:///x y"}, str(log)))

    done = subprocess.run(["/bin/sh", script, "create", "two words"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (3, "unix:///x y|create|two words\n", "")
    assert log.read_text() == "oops\n"


def test_a_registry_of_an_own_authority_is_asked_itself():
    assert tomllib.loads(trusted_host("registry.example.org:5000", "/ca.crt")) == {
        "host": {"https://registry.example.org:5000": {"capabilities": ["pull", "resolve"], "ca": "/ca.crt"}}
    }


def test_the_kubelet_is_told_user_and_password_by_repository():
    answer = json.loads(pull_accounts({"ghcr.io/acme/web": ("robot", "s3cret")}))
    assert answer["auth"] == {"ghcr.io/acme/web": {"username": "robot", "password": "s3cret"}}
    assert answer["apiVersion"] == "credentialprovider.kubelet.k8s.io/v1"


def test_the_nodes_script_has_the_places_and_no_secret(tmp_path):
    script = pull_script({"ghcr.io/acme/web": ("robot", "s3cret"), "10.0.0.1:5000/x": ("a", "b")})
    assert "s3cret" not in script
    assert "robot" not in script
    assert '["10.0.0.1:5000/x", "ghcr.io/acme/web"]' in script
    assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0
