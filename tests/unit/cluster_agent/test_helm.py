"""Helm's complaints become codes and one line; its child processes end when they should."""

import os
import time
from pathlib import Path

import pytest

from cluster_agent.applying import child
from cluster_agent.applying.helm import HelmCli, classified
from cluster_agent.applying.kube import Access
from cluster_agent.errors import ChangeFailed, Conflict, Unreachable


@pytest.mark.parametrize(
    ("stderr", "kind", "code", "words"),
    [
        (
            "level=WARN msg=odd\nError: UPGRADE FAILED: pre-upgrade hooks failed: resource Job/apps/x-migrate not ready. status: Failed\n",
            ChangeFailed,
            "hook_failed",
            "pre-upgrade hooks failed: resource Job/apps/x-migrate not ready. status: Failed",
        ),
        (
            'Error: INSTALLATION FAILED: pods "x" is forbidden: exceeded quota: team, requested: pods=1',
            ChangeFailed,
            "quota_exceeded",
            'pods "x" is forbidden: exceeded quota: team, requested: pods=1',
        ),
        (
            'Error: UPGRADE FAILED: secrets is forbidden: User "system:serviceaccount:a:b" cannot list resource',
            ChangeFailed,
            "forbidden",
            'secrets is forbidden: User "system:serviceaccount:a:b" cannot list resource',
        ),
        (
            'Error: Kubernetes cluster unreachable: Get "https://10.0.0.1/version": dial tcp: connection refused',
            Unreachable,
            "unreachable",
            "Kubernetes cluster unreachable",
        ),
        ("Error: another operation (install/upgrade/rollback) is in progress", Conflict, "busy", "another operation"),
        (
            "Error: template: x/templates/a.yaml:3: undefined",
            ChangeFailed,
            "invalid_chart",
            "template: x/templates/a.yaml:3",
        ),
        (
            'Error: INSTALLATION FAILED: create: namespaces "x" not found',
            Unreachable,
            "namespace_missing",
            "create: namespaces",
        ),
        ("WARNING: Kubernetes configuration file is group-readable\nError: odd", ChangeFailed, "helm_failed", "odd"),
    ],
)
def test_complaints_are_classified(stderr, kind, code, words):
    error = classified(stderr)
    assert (type(error), error.code) == (kind, code)
    assert error.message.startswith(words)
    assert "\n" not in error.message


def test_a_missing_helm_is_our_trouble_and_not_the_releases(tmp_path):
    helm = HelmCli(Access(), tmp_path, binary="/no/such/helm")
    with pytest.raises((Unreachable, ChangeFailed)) as caught:
        helm.rollback("x", "ns", 1, timeout=5.0)
    assert caught.value.code == "helm_missing"


def test_a_child_is_stopped_at_its_limit_with_its_whole_group(tmp_path):
    began = time.monotonic()
    done = child.run(["sh", "-c", "sleep 60 & echo $! > pid; wait"], env=os.environ, cwd=str(tmp_path), timeout=0.5)
    assert done.timed_out
    assert time.monotonic() - began < 8
    deadline = time.monotonic() + 5
    while _runs(int((tmp_path / "pid").read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _runs(pid):
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
