"""What is read from kind's own sources for the node image."""

from __future__ import annotations

import tomllib

import yaml

from test_harness.offline.kind_sources import containerd_config, storage_images, storage_manifest, without_limits

GO = """package nodeimage
const storageProvisionerImage = "docker.io/kindest/local-path-provisioner:v1"
const storageHelperImage = "docker.io/kindest/local-path-helper:v2"
var defaultStorageImages = []string{storageProvisionerImage, storageHelperImage}
const defaultStorageManifest = `
apiVersion: v1
kind: Pod
spec:
  containers:
  - image: ` + storageProvisionerImage + `
    args: [--helper-image, ` + storageHelperImage + `]
`
"""


def test_manifest_has_the_constants_put_in():
    (container,) = yaml.safe_load(storage_manifest(GO))["spec"]["containers"]

    assert container["image"] == "docker.io/kindest/local-path-provisioner:v1"
    assert container["args"] == ["--helper-image", "docker.io/kindest/local-path-helper:v2"]


def test_images_are_named():
    assert storage_images(GO) == (
        "docker.io/kindest/local-path-provisioner:v1",
        "docker.io/kindest/local-path-helper:v2",
    )


def test_units_lose_what_needs_the_capability_and_nothing_else():
    unit = (
        "[Service]\nExecStart=/usr/local/bin/containerd\nLimitNOFILE=infinity\nOOMScoreAdjust=-999\nTasksMax=infinity\n"
    )

    assert without_limits(unit) == "[Service]\nExecStart=/usr/local/bin/containerd\nTasksMax=infinity\n"


def test_containerd_reads_mirrors_and_our_pause_image():
    before = (
        'version = 2\n[plugins."io.containerd.grpc.v1.cri"]\n'
        '  sandbox_image = "registry.k8s.io/pause:3.10"\n  restrict_oom_score_adj = false\n'
    )

    cri = tomllib.loads(containerd_config(before, "registry.k8s.io/pause:3.10.2"))["plugins"][
        "io.containerd.grpc.v1.cri"
    ]

    assert cri == {
        "sandbox_image": "registry.k8s.io/pause:3.10.2",
        "restrict_oom_score_adj": True,
        "registry": {"config_path": "/etc/containerd/certs.d"},
    }
