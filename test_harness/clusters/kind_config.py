"""PURE: the texts that a kind cluster is configured with."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LONE_MEMBER = [{"name": "leader-elect", "value": "false"}]
_PATIENT = {"name": "node-monitor-grace-period", "value": "24h0m0s"}
_CONTROLLER_MANAGER = [
    _PATIENT,
    *_LONE_MEMBER,
    {"name": "kube-api-qps", "value": "500"},
    {"name": "kube-api-burst", "value": "1000"},
]

# A kubelet that was frozen for 30 s may report its runtime as down before it looked: let it look again at once, not after 10 s.
_WAKING = {"kind": "KubeletConfiguration", "nodeStatusUpdateFrequency": "250ms", "nodeStatusReportFrequency": "5m0s"}
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


def trusted_host(host: str, authority: str) -> str:
    """containerd's `hosts.toml` for a registry that is asked itself, its certificate signed by the file `authority` on the node."""
    return f'{mirror_hosts(f"https://{host}")}  ca = "{authority}"\n'


ACCOUNTS = "/run/tidegate/accounts.json"
"""Where the node keeps what pulls images: in memory, for its root alone."""
_PLUGIN = "/opt/tidegate/bin/registry-accounts"
_PROVIDERS = "/opt/tidegate/providers.json"


def pull_accounts(accounts: Mapping[str, tuple[str, str]]) -> str:
    """The kubelet's answer of a credential provider: user and password by repository. A secret."""
    auth = {place: {"username": user, "password": password} for place, (user, password) in accounts.items()}
    kind = {"kind": "CredentialProviderResponse", "apiVersion": "credentialprovider.kubelet.k8s.io/v1"}
    return json.dumps({**kind, "cacheKeyType": "Image", "cacheDuration": "0s", "auth": auth})


def pull_script(repositories: Iterable[str]) -> str:
    """A script for the node: what it reads becomes the kubelet's answer for `repositories`, and the kubelet asks for it from then on.

    So every pod of every chart pulls with it, unchanged and without a Secret that anything in the cluster could read.
    """
    provider = {
        "name": _PLUGIN.rpartition("/")[2],
        "matchImages": sorted(repositories),
        "defaultCacheDuration": "0s",
        "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
    }
    head = {"apiVersion": "kubelet.config.k8s.io/v1", "kind": "CredentialProviderConfig"}
    config, folder = json.dumps({**head, "providers": [provider]}), _PLUGIN.rpartition("/")[0]
    flags = f"--image-credential-provider-config={_PROVIDERS} --image-credential-provider-bin-dir={folder}"
    return f"""\
mkdir -p {folder} && install -d -m 700 {ACCOUNTS.rpartition("/")[0]}
(umask 077 && cat > {ACCOUNTS})
printf '#!/bin/sh\\nexec cat {ACCOUNTS}\\n' > {_PLUGIN} && chmod 755 {_PLUGIN}
printf %s {shlex.quote(config)} > {_PROVIDERS}
grep -qs '^KUBELET_EXTRA_ARGS=' /etc/default/kubelet || echo KUBELET_EXTRA_ARGS= >> /etc/default/kubelet
grep -q {_PROVIDERS} /etc/default/kubelet || sed -i 's|^KUBELET_EXTRA_ARGS=.*|& {flags}|' /etc/default/kubelet
systemctl restart kubelet
for _ in $(seq 100); do curl -sf http://127.0.0.1:10248/healthz > /dev/null && exit 0; sleep 0.2; done
journalctl --no-pager --unit kubelet --lines 5 >&2; exit 1
"""


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
