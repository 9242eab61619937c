"""What this machine can do for clusters and the control plane: one check a line, each with the command that mends it. Changes nothing."""

from __future__ import annotations

import argparse
import json
import os
import pwd
import shlex
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from test_harness.check import Check
from test_harness.clusters.leftovers import leftover_names, unseen
from test_harness.doctor_existing import Borrowed
from test_harness.doctor_server import data_folder, free_port
from test_harness.offline import binaries, engine, facts, node_image
from test_harness.offline.cache import cache_dir
from test_harness.offline.errors import ProvisioningError
from test_harness.offline.go import MINIMUM, found_go
from test_harness.offline.progress import format_size
from test_harness.offline.provisioning import Facts, Provisioning, choose_provisioning

if TYPE_CHECKING:
    from test_harness.clusters.owners import Marker
    from test_harness.offline.engine import Engine

_DISK_BYTES = 12_000_000_000
_BUILDING_BYTES = 3_000_000_000
_MEMORY_BYTES = 4_000_000_000
_PREPARE = f"{sys.executable} -m test_harness.offline prepare"


def checks_of_existing(cluster: Borrowed) -> list[Check]:
    """Every check where rehearsals borrow a cluster: nothing is asked of Docker. Takes ≤ 5 s."""
    docker = Check("Docker Engine", None, "not needed: rehearsals borrow a cluster")
    programs = (binaries.KUBECTL, binaries.HELM)
    building = [] if all(map(binaries.is_ready, programs)) else [_go(), _disk(_BUILDING_BYTES)]
    return [*cluster.checks(), docker, *map(_program, programs), *building]


def checks_of_kind() -> list[Check]:
    """Every check where rehearsals make clusters, in the order in which one would mend. Takes ≤ 5 s."""
    try:
        seen = facts.gather()
    except ProvisioningError as error:
        return [Check("settings", False, str(error), "unset TIDEGATE_PROVISIONING")]
    decision = choose_provisioning(seen)
    found = [_provisioning(decision), _root(seen), _engine(seen), _capability(seen, decision), _registries(seen)]
    found += [_program(each) for each in (binaries.KIND, binaries.KUBECTL, binaries.HELM)]
    return [*found, _go(), _image(decision), _disk(), _memory(), *_leftovers()]


def _provisioning(decision: Provisioning) -> Check:
    if decision.obstacles:
        return Check("clusters", False, "; ".join(decision.obstacles))
    return Check("clusters", True, f"{decision.mode}: {'; '.join(decision.reasons)}")


def _root(seen: Facts) -> Check:
    if os.geteuid() == 0:
        return Check("root", True, "this is root")
    if seen.can_be_root:
        return Check("root", True, "sudo works without a question")
    user = pwd.getpwuid(os.geteuid()).pw_name
    if shutil.which("sudo"):
        detail = f"sudo asks for a password, or does not know {user}"
        return Check(
            "root", False if seen.engine is None else None, detail, f"sudo -v, or as root: usermod -aG sudo {user}"
        )
    mend = f"as root: apt-get install sudo && usermod -aG sudo {user}"
    return Check("root", False if seen.engine is None else None, f"{user} is not root, and there is no sudo", mend)


def _engine(seen: Facts) -> Check:
    if seen.engine:
        return Check("Docker Engine", True, f"version {seen.engine} answers")
    if seen.dockerd and seen.can_be_root:
        return Check("Docker Engine", None, "none runs: one of our own is started when it is needed")
    if seen.dockerd:
        return Check("Docker Engine", False, "none answers, and starting one needs root")
    return Check(
        "Docker Engine", False, "none answers and none is installed", "sudo apt-get install docker.io iptables"
    )


def _capability(seen: Facts, decision: Provisioning) -> Check:
    if seen.sys_resource:
        return Check("CAP_SYS_RESOURCE", True, f"may be given; control groups v{seen.cgroup}")
    how = "a wrapper drops it" if decision.runtime_wrapper else "the running engine must do without it"
    return Check("CAP_SYS_RESOURCE", None, f"missing: {how}; control groups v{seen.cgroup}")


def _registries(seen: Facts) -> Check:
    silent = [name for name, reachable in seen.registries.items() if not reachable]
    if silent:
        return Check("image registries", None, f"{', '.join(silent)} cannot be reached: images are built here")
    return Check("image registries", True, f"{', '.join(seen.registries)} can be reached")


def _program(program: binaries.Program) -> Check:
    if binaries.is_ready(program):
        return Check(program.name, True, "built and intact in the cache")
    return Check(program.name, None, f"not built yet: about {program.expected:.0f} s when it is needed", _PREPARE)


def _go() -> Check:
    found = found_go()
    if found:
        return Check("Go", True, str(found))
    wanted = ".".join(str(part) for part in MINIMUM)
    return Check("Go", None, f"no Go ≥ {wanted} here: it is fetched from PyPI when a program must be built")


def _image(decision: Provisioning) -> Check:
    if decision.mode == "online":
        return Check("kind node image", None, "pulled by kind when it is needed")
    docker = engine.find()
    if docker and docker.has_image(node_image.image_tag()):
        return Check("kind node image", True, node_image.image_tag())
    return Check("kind node image", None, "not built yet: about 6 minutes from nothing on two cores", _PREPARE)


def _disk(wanted: int = _DISK_BYTES) -> Check:
    free = shutil.disk_usage(cache_dir()).free
    detail = f"{format_size(free)} free under {cache_dir()}"
    if free >= wanted:
        return Check("disk space", True, detail)
    return Check("disk space", False, f"{detail}; {format_size(wanted)} are wanted", f"df -h {cache_dir()}")


def _memory() -> Check:
    free = _available_memory()
    if free is None:
        return Check("memory", None, "cannot be read here")
    detail = f"{format_size(free)} available; a cluster takes about 500 MB"
    return Check("memory", free >= _MEMORY_BYTES, detail, "" if free >= _MEMORY_BYTES else "end other programs")


def _available_memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None


def _leftovers() -> list[Check]:
    docker = engine.find()
    if docker is None:
        return []
    names = leftover_names(docker)
    if names:
        ours = Check("leftovers", None, f"{', '.join(names)}: removed when the next cluster is made")
    else:
        ours = Check("leftovers", True, "no clusters of killed runs")
    return [ours, *(_of_another(mark, docker) for mark in unseen(docker))]


def _of_another(mark: Marker, docker: Engine) -> Check:
    """A cluster that is left alone, because its owner cannot be seen from here."""
    at = f"DOCKER_HOST={shlex.quote(docker.host)} " if docker.host else ""
    detail = f"{mark.cluster} was made by a process of another container or machine ({mark.place}): if that is gone, remove it"
    remove = f"{at}docker rm --force --volumes {mark.cluster}-control-plane; {at}docker volume rm {mark.volume}"
    return Check("others' clusters", None, detail, remove)


def main(arguments: list[str] | None = None) -> int:
    """Print the checks. Exit code: 0 all is well, 1 something must be mended first."""
    told = _parser().parse_args(arguments)
    found = (
        checks_of_existing(Borrowed(told.kubeconfig, told.context)) if told.provider == "existing" else checks_of_kind()
    )
    found += [data_folder(told.data_dir)] if told.data_dir else []
    found += [free_port(told.host, told.port)] if told.port else []
    sys.stdout.write(
        json.dumps([asdict(each) for each in found], indent=2) + "\n" if told.output == "json" else table(found)
    )
    return 1 if any(each.ok is False for each in found) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tidegate doctor", description=__doc__)
    parser.add_argument("--output", choices=["table", "json"], default="table")
    parser.add_argument("--provider", choices=["kind", "existing"], default="kind", help="where releases are rehearsed")
    parser.add_argument("--kubeconfig", type=Path, help="with existing: the cluster's kubeconfig")
    parser.add_argument("--context", help="with existing: the context in it")
    parser.add_argument("--data-dir", type=Path, help="the control plane's data")
    parser.add_argument("--host", default="127.0.0.1", help="address that its web server listens on")
    parser.add_argument("--port", type=int, help="port of its web server")
    return parser


def table(found: list[Check]) -> str:
    """The checks as lines for people: ✓ fine, · made when it is needed, ✗ mend it first."""
    signs = {True: "✓", None: "·", False: "✗"}
    width = max(len(each.name) for each in found)
    lines = []
    for each in found:
        lines.append(f"{signs[each.ok]} {each.name:{width}}  {each.detail}")
        if each.mend:
            lines.append(f"  {'':{width}}  → {each.mend}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
