"""Starting programs: by list, never through a shell, with the end of their output in the error."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from test_harness.offline.errors import ProvisioningError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_TAIL_LINES = 12


def run(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    text_in: str | None = None,
    timeout: float = 1800,
) -> str:
    """The program's standard output. Raises `ProvisioningError` when it fails or takes longer than `timeout` seconds."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, env=environment, cwd=folder, input=text_in, timeout=timeout, capture_output=True, text=True
        )
    except FileNotFoundError as error:
        raise ProvisioningError(f"{words[0]} is not installed: `tidegate doctor` says how to get it") from error
    except subprocess.TimeoutExpired as error:
        raise ProvisioningError(f"{brief(words)} took longer than {timeout:.0f} s and was stopped") from error
    if done.returncode:
        raise ProvisioningError(f"{brief(words)} failed (exit {done.returncode}):\n{tail(done.stdout + done.stderr)}")
    return done.stdout


def as_root(command: Sequence[str | Path]) -> list[str | Path]:
    """The command with what makes it run as root; refuses where this process cannot become root."""
    if os.geteuid() == 0:
        return list(command)
    if shutil.which("sudo"):
        return ["sudo", "-n", *command]
    raise ProvisioningError(f"{command[0]} needs root: run as root, or install sudo")


def brief(words: Sequence[str]) -> str:
    """The start of a command line, for messages."""
    line = " ".join(words)
    return f"`{line if len(line) <= 100 else line[:97] + '…'}`"


def tail(text: str) -> str:
    """The last lines of a program's output."""
    return "\n".join(text.rstrip().splitlines()[-_TAIL_LINES:])
