"""PURE: the texts that a kind cluster is configured with."""

from __future__ import annotations

import json
import shlex
from typing import Any

_LONE_MEMBER = [{"name": "leader-elect", "value": "false"}]
_PATIENT = {"name": "node-monitor-grace-period", "value": "24h0m0s"}
_CONTROLLER_MANAGER = [
    _PATIENT,
    *_LONE_MEMBER,
    {"name": "kube-api-qps", "value": "500"},
    {"name": "kube-api-burst", "value": "1000"},
]

# A kubelet that was frozen for 30 s first reports its runtime as down: let it look again at once, not after 10 s.
_WAKING = {"kind": "KubeletConfiguration", "nodeStatusUpdateFrequency": "1s", "nodeStatusReportFrequency": "5m0s"}
_RESTRICTED_KUBELET = {
    "kind": "KubeletConfiguration",
    "failCgroupV1": False,
    "oomScoreAdj": 0,
    "featureGates": {"KubeletInUserNamespace": True},
}
_RESTRICTED_PROXY = {
    "kind": "KubeProxyConfiguration",
    "mode": "nftables",
    "conntrack": {
        "maxPerCore": 0,
        "min": 0,
        "tcpBeLiberal": False,
        "tcpEstablishedTimeout": "0s",
        "tcpCloseWaitTimeout": "0s",
    },
}


def cluster_config(*, patched: bool) -> str:
    """kind's configuration of one node, as JSON (which is YAML too).

    The lone member of each election need not campaign: that is quicker, and a member that was frozen by `pause` does
    not lose its seat. For the same reason a silent node is not declared lost: it would wake up tainted.
    `patched`: with the settings for control groups v1 and missing capabilities.
    """
    patches = [_WAKING, _RESTRICTED_KUBELET, _RESTRICTED_PROXY] if patched else [_WAKING]
    config: dict[str, Any] = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": {"ipFamily": "ipv4"},
        "nodes": [{"role": "control-plane"}],
        "kubeadmConfigPatches": [json.dumps(patch) for patch in patches],
        "kubeadmConfigPatchesJSON6902": [_append_arguments()],
    }
    return json.dumps(config, indent=2)


def mirror_hosts(base_url: str) -> str:
    """containerd's `_default/hosts.toml`: every registry is asked at `base_url` first."""
    return f'[host."{base_url}"]\n  capabilities = ["pull", "resolve"]\n'


def wrapper_script(program: str, environment: dict[str, str], log: str) -> str:
    """A shell script that runs `program` in that environment, its messages appended to `log`."""
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(environment.items()))
    return f'#!/bin/sh\n{exports}exec {shlex.quote(program)} "$@" 2>>{shlex.quote(log)}\n'


def _append_arguments() -> dict[str, str]:
    more = [{"op": "add", "path": "/controllerManager/extraArgs/-", "value": one} for one in _CONTROLLER_MANAGER]
    only = {"op": "add", "path": "/scheduler/extraArgs", "value": _LONE_MEMBER}
    return {
        "group": "kubeadm.k8s.io",
        "version": "v1beta4",
        "kind": "ClusterConfiguration",
        "patch": json.dumps([*more, only]),
    }
