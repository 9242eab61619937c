"""Running a program that must not outlive us: own process group, death signal, time limit, bounded output."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

GRACE_SECONDS = 10.0


class Finished(NamedTuple):
    """How a program ended. ``timed_out``: it was told to stop at its time limit."""

    code: int
    stdout: str
    stderr: str
    timed_out: bool = False


def run(command: Sequence[str], *, env: Mapping[str, str], cwd: str, timeout: float, stdin: str = "") -> Finished:
    """Run ``command`` to its end, at most ``timeout`` seconds (then SIGTERM, then SIGKILL to its whole group)."""
    child = subprocess.Popen(
        [*_death_signal(), *command],
        env=dict(env),
        cwd=cwd,
        text=True,
        errors="replace",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        process_group=0,
    )
    try:
        out, err = child.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        out, err = _stop(child)
        return Finished(child.returncode, out, err, timed_out=True)
    except BaseException:
        _stop(child)
        raise
    return Finished(child.returncode, out, err)


def _death_signal() -> list[str]:
    # setpriv asks the kernel to kill the child with us; preexec_fn would do it too, but is unsafe beside threads.
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def _stop(child: "subprocess.Popen[str]") -> tuple[str, str]:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, sign)
        try:
            return child.communicate(timeout=GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    return "", ""
