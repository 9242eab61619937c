"""A process told apart from a later one with the same number: by its number and its start time."""

from __future__ import annotations

import hashlib
import os
import platform
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from test_harness.offline.commands import as_root, run

_FIRST_PID_NAMESPACE = str(0xEFFFFFFC)
"""The kernel's fixed number of the one that a machine starts with (PROC_PID_INIT_INO)."""


@dataclass(frozen=True)
class Process:
    """One process of this machine. `started` compares equal only with itself; its unit is the kernel's."""

    pid: int
    started: str

    def is_alive(self) -> bool:
        """Whether that very process still runs (a zombie does not)."""
        return start_time(self.pid) == self.started

    def stop(self, *, patience: float = 20) -> None:
        """Ask it to end, and kill it when it has not within `patience` seconds. Stopping twice is no error."""
        self._send(signal.SIGTERM)
        deadline = time.monotonic() + patience
        while self.is_alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if not self.is_alive():
            return
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return
        except PermissionError:
            run(as_root(["kill", f"-{number.value}", str(self.pid)]))


def this_process() -> Process:
    """The calling process."""
    return Process(os.getpid(), start_time(os.getpid()) or "")


def process(pid: int) -> Process | None:
    """The process that has that number now; None where there is none."""
    started = start_time(pid)
    return Process(pid, started) if started else None


def here() -> str:
    """A name of all processes that this one can see: those of this machine, or of this container until its end.

    Numbers of processes mean something only within it. A machine is its machine-id and its host name; an earlier start of it
    counts as the same, because start times tell starts apart.
    """
    namespace = _pid_namespace()
    return _machine() if namespace in ("", _FIRST_PID_NAMESPACE) else f"{_boot()}-{namespace}"


def _machine() -> str:
    identity = Path("/etc/machine-id")
    number = identity.read_text().strip() if identity.exists() else ""
    return hashlib.sha256(f"{number} {platform.node()}".encode()).hexdigest()[:16]


def _pid_namespace() -> str:
    """The number of this process's PID namespace, the same for all within; empty on systems that have none."""
    try:
        return Path("/proc/self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:
        return ""


def start_time(pid: int) -> str | None:
    """When the process began; None where it does not run."""
    if sys.platform == "linux":
        return _linux_start_time(pid)
    shown = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, began = shown.stdout.strip().partition(" ")
    return began.strip() if began and not state.startswith("Z") else None


def _linux_start_time(pid: int) -> str | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    state, began = fields[0], fields[19]
    return None if state in {"Z", "X"} else f"{_boot()}.{began}"


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
