"""PURE: what this machine can do → where the node image comes from, whose Docker Engine is used, what must be mended.

`choose_provisioning` decides for the whole harness and gives the reasons that `tidegate doctor` prints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Mode = Literal["online", "offline"]
BECOME_ROOT = "run as root, or let sudo ask for your password once (`sudo -v`) and try again"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What was seen on this machine. Gathered by `facts.gather`."""

    platform: str
    """As `sys.platform`: `linux`, `darwin`."""
    can_be_root: bool
    """Whether programs can be started as root without a question."""
    engine: str | None
    """Version of the Docker Engine that answers; None where none does."""
    dockerd: bool
    """Whether an engine is installed that we could start."""
    mmdebstrap: bool
    sys_resource: bool
    """Whether processes may be given CAP_SYS_RESOURCE, which privileged containers ask for."""
    cgroup: int
    """Version of the control groups that containers get: 1 or 2."""
    registries: Mapping[str, bool]
    """Public image registry → whether it can be reached."""
    forced: Mode | None = None
    """The person's choice by `TIDEGATE_PROVISIONING`."""


@dataclass(frozen=True, kw_only=True)
class Provisioning:
    """The decision. `obstacles` names what stops it and the next step; where it is empty, clusters can be made."""

    mode: Mode
    """online: public images are pulled; offline: they are built here from Go modules and Debian's packages."""
    start_engine: bool
    runtime_wrapper: bool
    """Whether our engine starts containers through the wrapper that drops CAP_SYS_RESOURCE."""
    kubeadm_patches: bool
    """Whether kubelet and kube-proxy need the settings for cgroup v1 and missing capabilities."""
    reasons: tuple[str, ...]
    obstacles: tuple[str, ...] = ()


def choose_provisioning(facts: Facts) -> Provisioning:
    """Decide from the facts alone."""
    mode, why = _mode(facts)
    start = facts.engine is None
    wrapper = start and not facts.sys_resource
    patches = mode == "offline" or facts.cgroup == 1 or not facts.sys_resource
    reasons = [why, _engine_reason(facts)]
    if wrapper:
        reasons.append("CAP_SYS_RESOURCE is missing here: containers start through a wrapper that does not ask for it")
    if patches:
        reasons.append(f"control groups v{facts.cgroup}: kubelet and kube-proxy get the settings for it")
    return Provisioning(
        mode=mode,
        start_engine=start,
        runtime_wrapper=wrapper,
        kubeadm_patches=patches,
        reasons=tuple(reasons),
        obstacles=tuple(_obstacles(facts, mode)),
    )


def _mode(facts: Facts) -> tuple[Mode, str]:
    silent = sorted(name for name, reachable in facts.registries.items() if not reachable)
    if facts.forced:
        return facts.forced, f"TIDEGATE_PROVISIONING={facts.forced} was set"
    if silent:
        return "offline", f"cannot reach {', '.join(silent)}: images are built here"
    if not facts.sys_resource:
        return "offline", "kind's public node image needs CAP_SYS_RESOURCE, which is missing here: it is built here"
    return "online", "the public image registries can be reached: kind pulls its node image"


def _engine_reason(facts: Facts) -> str:
    if facts.engine:
        return f"Docker Engine {facts.engine} answers: it is used"
    return "no Docker Engine answers: one of our own is started"


def _obstacles(facts: Facts, mode: Mode) -> list[str]:
    found = []
    if facts.engine is None and facts.platform != "linux":
        found.append("no Docker Engine answers: start Docker Desktop (or colima)")
    elif facts.engine is None and not facts.dockerd:
        found.append(
            "no Docker Engine is installed: `apt-get install docker.io iptables`, or https://docs.docker.com/engine/"
        )
    elif facts.engine is None and not facts.can_be_root:
        found.append(f"starting a Docker Engine needs root: {BECOME_ROOT}, or start the engine yourself")
    if mode == "offline" and facts.platform != "linux":
        found.append("images can be built only on Linux: connect to a network where registry-1.docker.io answers")
    elif mode == "offline" and not facts.mmdebstrap:
        found.append("building images needs mmdebstrap: `sudo apt-get install mmdebstrap`")
    elif mode == "offline" and not facts.can_be_root:
        found.append(f"building images with mmdebstrap needs root: {BECOME_ROOT}")
    return found
