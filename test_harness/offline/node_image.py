"""The kind node image: pulled by kind where it can be, otherwise built from Go modules and Debian's packages.

The image holds one program for all of Kubernetes (see `programs/node`), twice: for the node itself, and as one layer
that every image of the control plane shares. Those images are put into the node's containerd under the public names
that kubeadm and kind ask for.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from test_harness.offline import binaries
from test_harness.offline.cache import cache_dir, key_of, locked
from test_harness.offline.commands import run
from test_harness.offline.debian_root import ensure_image
from test_harness.offline.go_modules import module_folder
from test_harness.offline.kind_sources import containerd_config, storage_images, storage_manifest, without_limits
from test_harness.offline.progress import format_size, step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from test_harness.offline.engine import Engine
    from test_harness.offline.provisioning import Mode

REPOSITORY = "tidegate.local/kind-node"
_FILES = Path(__file__).with_name("node_files")
_BUILDER = "tidegate-node-image-build"
_ROOT_PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "kmod", "mount", "util-linux", "procps", "e2fsprogs", "bash"),
    *("containerd", "runc", "containernetworking-plugins", "libseccomp2", "busybox-static"),
    *("iproute2", "iptables", "nftables", "conntrack", "ethtool", "socat"),
    *("ca-certificates", "curl", "jq"),
)
_IN_ONE = [
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
    "kubeadm",
    "kubectl",
    "etcd",
    "coredns",
]


def ensure_node_image(engine: Engine, mode: Mode) -> str | None:
    """The image for `kind create cluster --image`; None where kind shall pull its own."""
    if mode == "online":
        return None
    tag = image_tag()
    with locked(cache_dir() / "locks" / "node-image.lock"):
        if not engine.has_image(tag):
            _build(engine, tag)
    return tag


def ensure_root(engine: Engine) -> str:
    """The tag of the node's Debian root, without any of our programs."""
    return ensure_image(engine, "tidegate.local/node-root", _ROOT_PACKAGES, expected=55)


def image_tag() -> str:
    """The name of the node image that these sources make."""
    key = key_of(binaries.PROGRAMS, _FILES, Path(__file__), *_ROOT_PACKAGES)
    return f"{REPOSITORY}:{binaries.KUBERNETES_VERSION}-{key}"


def _build(engine: Engine, tag: str) -> None:
    programs = {each.name: binaries.ensure(each) for each in NODE_PROGRAMS}
    root = ensure_root(engine)
    kind = module_folder("sigs.k8s.io/kind", binaries.pinned_version("sigs.k8s.io/kind"))
    with step(f"node image {tag}", expected=40) as this, _folder() as work:
        storage = (kind / "pkg/build/nodeimage/const_storage.go").read_text()
        images = _control_plane_images(engine, work / "programs", programs, root, storage)
        engine.docker("save", "--output", work / "images.tar", *images)
        engine.docker("rmi", *images)  # this engine must not take them for the published ones
        base = f"{tag}-empty"
        _write_node(work / "node", programs, kind, storage, pause=_pause(images))
        engine.docker("build", "--tag", base, "--build-arg", f"ROOT={root}", work / "node")
        _import_images(engine, base, work / "images.tar", tag)
        this.result = format_size(float(engine.docker("image", "inspect", "--format", "{{.Size}}", tag)))


NODE_PROGRAMS = (binaries.NODE, binaries.CRICTL, binaries.LOCAL_PATH_PROVISIONER)


@contextmanager
def _folder() -> Iterator[Path]:
    work = Path(tempfile.mkdtemp(prefix=".node-image-", dir=cache_dir()))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _control_plane_images(
    engine: Engine, folder: Path, programs: dict[str, Path], root: str, storage: str
) -> list[str]:
    """Build the images that a cluster runs, and give their public names."""
    _write_programs(folder / "bin", programs)
    shutil.copyfile(_FILES / "programs.Dockerfile", folder / "Dockerfile")
    common = f"tidegate.local/node-programs:{key_of(folder / 'Dockerfile', *_ROOT_PACKAGES)}"
    engine.docker("build", "--tag", common, "--build-arg", f"ROOT={root}", folder)
    names = [*_kubeadm_images(folder / "bin"), *storage_images(storage)]
    for name in names:
        command = _entrypoint(name)
        if command:
            engine.docker("build", "--tag", name, "-", text_in=f"FROM {common}\nENTRYPOINT {command}\n")
        else:
            engine.docker("tag", common, name)
    return names


def _write_programs(folder: Path, programs: dict[str, Path]) -> None:
    folder.mkdir(parents=True)
    for name, path in programs.items():
        _link(path, folder / name)
    for name in _IN_ONE:
        (folder / name).symlink_to("node")


def _kubeadm_images(folder: Path) -> list[str]:
    version = f"--kubernetes-version={binaries.KUBERNETES_VERSION}"
    return run([folder / "kubeadm", "config", "images", "list", version]).split()


def _pause(images: list[str]) -> str:
    return next(name for name in images if "/pause:" in name)


def _entrypoint(name: str) -> str:
    """The images whose pods give no command of their own."""
    if "/coredns:" in name:
        return '["/usr/local/bin/coredns"]'
    if "/pause:" in name:
        return '["/bin/busybox", "sleep", "2147483647"]'
    return ""


def _write_node(folder: Path, programs: dict[str, Path], kind: Path, storage: str, *, pause: str) -> None:
    shutil.copytree(kind / "images/base/files", folder / "files", copy_function=shutil.copyfile)
    run(["chmod", "-R", "u+w", folder])
    for unit in (folder / "files/etc/systemd/system").glob("*.service"):
        unit.write_text(without_limits(unit.read_text()))
    config = folder / "files/etc/containerd/config.toml"
    config.write_text(containerd_config(config.read_text(), pause))
    manifests = folder / "kind" / "manifests"
    manifests.mkdir(parents=True)
    (manifests / "default-storage.yaml").write_text(storage_manifest(storage))
    shutil.copyfile(_FILES / "default-cni.yaml", manifests / "default-cni.yaml")
    (folder / "kind" / "version").write_text(f"{binaries.KUBERNETES_VERSION}\n")
    shutil.copyfile(_FILES / "pods.conflist", folder / "pods.conflist")
    shutil.copyfile(_FILES / "node.Dockerfile", folder / "Dockerfile")
    on_the_node = {name: path for name, path in programs.items() if name != binaries.LOCAL_PATH_PROVISIONER.name}
    _write_programs(folder / "bin", on_the_node)


def _link(path: Path, target: Path) -> None:
    try:
        target.hardlink_to(path)
    except OSError:  # another file system
        shutil.copy(path, target)


def _import_images(engine: Engine, base: str, archive: Path, tag: str) -> None:
    """Put the archive's images into the node's containerd and commit the result as `tag`."""
    engine.docker("rm", "--force", "--volumes", _BUILDER)
    try:
        mount = f"{archive}:/images.tar:ro"
        keep = ["--entrypoint", "sleep", base, "infinity"]
        engine.docker("run", "--detach", "--privileged", "--name", _BUILDER, "--volume", mount, *keep)
        engine.docker("exec", _BUILDER, "sh", "-ec", _IMPORT)
        entrypoint = 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]'
        engine.docker("commit", "--change", entrypoint, _BUILDER, tag)
    finally:
        engine.docker("rm", "--force", "--volumes", _BUILDER)


# Not unpacked here: overlay file systems cannot be stacked on the container's own; each cluster unpacks in its volume.
_IMPORT = """
containerd > /dev/null 2>&1 & daemon=$!
until ctr version > /dev/null 2>&1; do sleep 0.1; done
ctr --namespace k8s.io images import --no-unpack /images.tar > /dev/null
kill $daemon
wait $daemon || true
"""
