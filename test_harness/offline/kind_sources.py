"""PURE: reading what kind's own sources say about a node image: its storage manifest, and its base files."""

from __future__ import annotations

import re

_CONSTANT = re.compile(r'const (\w+) = "([^"]+)"')
_UNIT_LIMITS = re.compile(r"^(Limit\w*|OOMScoreAdjust)=.*\n", re.MULTILINE)
_SANDBOX = re.compile(r"sandbox_image = .*")


def storage_manifest(go_source: str) -> str:
    """The YAML text of kind's default storage, with the constants of `const_storage.go` put in."""
    constants = dict(_CONSTANT.findall(go_source))
    _, _, body = go_source.partition("Manifest = `")
    filled = re.sub(r"` \+ (\w+) \+ `", lambda match: constants[match[1]], body)
    return filled.partition("`")[0]


def storage_images(go_source: str) -> tuple[str, str]:
    """The names of the provisioner's image and of its helper's."""
    constants = dict(_CONSTANT.findall(go_source))
    return constants["storageProvisionerImage"], constants["storageHelperImage"]


def without_limits(unit: str) -> str:
    """A systemd unit without the settings that need CAP_SYS_RESOURCE."""
    return _UNIT_LIMITS.sub("", unit)


def containerd_config(text: str, pause_image: str) -> str:
    """containerd's configuration with our pause image, and with mirrors read from /etc/containerd/certs.d."""
    text = _SANDBOX.sub(f'sandbox_image = "{pause_image}"', text)
    text = text.replace("restrict_oom_score_adj = false", "restrict_oom_score_adj = true")
    return text + '\n[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "/etc/containerd/certs.d"\n'
