"""The pinned command-line programs, built from their Go modules: kind, kubectl, helm, and what a node runs.

Their one go.mod and go.sum lie in `programs/`; a version is changed there, nowhere else. All of them share one set of
Kubernetes' libraries, so that these are compiled once: take Helm in a version that asks for the node's Kubernetes minor.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from test_harness.offline.cache import is_intact
from test_harness.offline.go_modules import Source, build_pinned, pinned_path

PROGRAMS = Path(__file__).with_name("programs")


@dataclass(frozen=True, kw_only=True)
class Program:
    """One program and where it is built from. `expected` is the seconds it takes on two cores with empty caches."""

    name: str
    package: str
    expected: float
    ldflags: tuple[str, ...] = ()
    target_os: str | None = None


def pinned_version(requirement: str) -> str:
    """The version of `requirement` in the go.mod of `programs/`, such as v1.36.3."""
    module = PROGRAMS / "go.mod"
    found = re.search(rf"^\s*{re.escape(requirement)} (v\S+)", module.read_text(), re.MULTILINE)
    if not found:
        raise LookupError(f"{module} does not require {requirement}")
    return found[1]


KUBERNETES_VERSION = pinned_version("k8s.io/kubernetes")
_MAJOR, _MINOR = KUBERNETES_VERSION.removeprefix("v").split(".")[:2]
_VERSION = "k8s.io/component-base/version"
_KUBERNETES_FLAGS = (
    f"-X {_VERSION}.gitVersion={KUBERNETES_VERSION}",
    f"-X {_VERSION}.gitMajor={_MAJOR}",
    f"-X {_VERSION}.gitMinor={_MINOR}",
)
HELM_VERSION = pinned_version("helm.sh/helm/v4")

KIND = Program(name="kind", package="sigs.k8s.io/kind", expected=5)
HELM = Program(
    name="helm",
    package="helm.sh/helm/v4/cmd/helm",
    expected=35,
    ldflags=(f"-X helm.sh/helm/v4/internal/version.version={HELM_VERSION}",),
)
KUBECTL = Program(name="kubectl", package="k8s.io/kubernetes/cmd/kubectl", expected=30, ldflags=_KUBERNETES_FLAGS)
NODE = Program(name="node", package="./node", expected=290, ldflags=_KUBERNETES_FLAGS, target_os="linux")
CRICTL = Program(name="crictl", package="sigs.k8s.io/cri-tools/cmd/crictl", expected=5, target_os="linux")
LOCAL_PATH_PROVISIONER = Program(
    name="local-path-provisioner",
    package="github.com/rancher/local-path-provisioner",
    expected=20,
    target_os="linux",
)


def ensure(program: Program) -> Path:
    """The program's path: what an image of ours has; otherwise built into the cache where it is missing or damaged."""
    return shipped(program) or build_pinned(_source(program), expected=program.expected)


def shipped(program: Program) -> Path | None:
    """The program beside the Python of our virtual environment, where our images have it (docker/install.sh)."""
    path = Path(sys.prefix, "bin", program.name)
    return path if sys.prefix != sys.base_prefix and path.is_file() else None


def is_ready(program: Program) -> bool:
    """Whether the program is in the cache, intact."""
    return shipped(program) is not None or is_intact(pinned_path(_source(program)))


def _source(program: Program) -> Source:
    return Source(
        folder=PROGRAMS,
        name=program.name,
        package=program.package,
        ldflags=program.ldflags,
        target_os=program.target_os,
    )
