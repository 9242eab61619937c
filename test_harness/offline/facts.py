"""Looking at the machine: the facts that `provisioning` decides from. Nothing is changed here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from test_harness.offline import engine
from test_harness.offline.cache import cache_dir
from test_harness.offline.errors import ProvisioningError
from test_harness.offline.provisioning import Facts, Provisioning, choose_provisioning

if TYPE_CHECKING:
    from test_harness.offline.provisioning import Mode

REGISTRIES = ("registry-1.docker.io", "registry.k8s.io")
_TIMEOUT_SECONDS = 3
_REMEMBERED_SECONDS = 3600
_CAP_SYS_RESOURCE = 24


def gather() -> Facts:
    """Everything at once. Takes ≤ 4 s where registries do not answer, ≤ 0.3 s when that is remembered."""
    running = engine.find()
    return Facts(
        platform=sys.platform,
        can_be_root=_can_be_root(),
        engine=running.version() if running else None,
        dockerd=shutil.which("dockerd", path=engine.SYSTEM_PATH) is not None,
        mmdebstrap=shutil.which("mmdebstrap", path=engine.SYSTEM_PATH) is not None,
        sys_resource=_has_sys_resource(),
        cgroup=_cgroup_version(running),
        registries=reachable_registries(),
        forced=_forced(),
    )


def decide() -> Provisioning:
    """The decision for this machine; refuses with every obstacle named where clusters cannot be made."""
    decision = choose_provisioning(gather())
    if decision.obstacles:
        raise ProvisioningError("; ".join(decision.obstacles))
    return decision


def reachable_registries() -> dict[str, bool]:
    """Public registry → whether it answered within 3 s; remembered for an hour in the cache directory."""
    memory = cache_dir() / "registries.json"
    try:
        known = json.loads(memory.read_text())
        if time.time() - known["at"] < _REMEMBERED_SECONDS and set(known["answers"]) == set(REGISTRIES):
            return dict(known["answers"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # never looked, or the file is damaged: look (again)
    with ThreadPoolExecutor(len(REGISTRIES)) as threads:
        answers = dict(zip(REGISTRIES, threads.map(_answers, REGISTRIES), strict=True))
    part = memory.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps({"at": time.time(), "answers": answers}))
    part.replace(memory)
    return answers


def _answers(registry: str) -> bool:
    request = urllib.request.Request(f"https://{registry}/v2/", method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - always https
            return "docker-distribution-api-version" in answer.headers
    except urllib.error.HTTPError as refusal:
        return "docker-distribution-api-version" in refusal.headers
    except (OSError, ValueError):
        return False


def _can_be_root() -> bool:
    """Whether this process is root, or sudo makes it so now: later nobody may be there to type a password."""
    if os.geteuid() == 0:
        return True
    sudo = shutil.which("sudo")
    return sudo is not None and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0


def _has_sys_resource() -> bool:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return True  # no Linux kernel of ours: the engine's own machine has every capability
    bounding = next(line.split()[1] for line in status.splitlines() if line.startswith("CapBnd:"))
    return bool(int(bounding, 16) >> _CAP_SYS_RESOURCE & 1)


def _cgroup_version(running: engine.Engine | None) -> int:
    if running:
        return int(running.docker("info", "--format", "{{.CgroupVersion}}").strip() or 1)
    return 2 if Path("/sys/fs/cgroup/cgroup.controllers").exists() else 1


def _forced() -> Mode | None:
    value = os.environ.get("TIDEGATE_PROVISIONING", "auto")
    if value in {"auto", ""}:
        return None
    if value == "online":
        return "online"
    if value == "offline":
        return "offline"
    raise ProvisioningError(f"TIDEGATE_PROVISIONING={value}: only online, offline or auto are known")
