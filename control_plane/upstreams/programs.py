"""Running Helm and kubectl on what strangers wrote: nothing of ours is seen, no network is used, and it ends.

What the program says about its input is its caller's matter; a program that is missing or does not end says nothing about it.
Programs that act for us (ssh, credential helpers) see our environment, but for the secrets of accounts.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from control_plane.domain.errors import Transient

TIMEOUT_SECONDS = 60.0
SECRETS = "TIDEGATE_ACCOUNT_"  # variables with secrets of accounts begin so
NOWHERE = "http://127.0.0.1:9"  # the discard port: whatever asks through this proxy gets no answer


class Done(msgspec.Struct, frozen=True):
    """What a program said: its output, and the line that decides where it failed (empty where it did not)."""

    output: str
    failure: str = ""


def own_environment() -> dict[str, str]:
    """Return our environment as programs that act for us see it."""
    return {name: value for name, value in os.environ.items() if not name.startswith(SECRETS)}


@contextmanager
def work_folder() -> Iterator[Path]:
    """Yield a folder that goes away. A disk that is full says nothing about the chart."""
    try:
        with tempfile.TemporaryDirectory(prefix="tidegate-chart-") as folder:
            yield Path(folder)
    except OSError as error:
        words = f"no chart can be rendered in {tempfile.gettempdir()}: {error.strerror or error}; free some space there"
        raise Transient(words, code="disk_full") from error


def run_program(program: str, arguments: Sequence[str], *, folder: Path, text_in: bytes = b"", setting: str) -> Done:
    """Run ``program`` in ``folder``; ``setting`` names what tells where it is. Raises ``Transient``."""
    found = shutil.which(program)
    if found is None:
        words = f"the program {program!r} is missing: set {setting} or run `tidegate doctor`"
        raise Transient(words, code="program_missing")
    try:
        done = subprocess.run(
            [found, *arguments],
            input=text_in,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            env=_environment(folder),
            cwd=folder,
            check=False,
        )
    except subprocess.TimeoutExpired:
        words = f"{Path(program).name} {arguments[0]} did not end within {TIMEOUT_SECONDS:.0f} s"
        raise Transient(words, code="program_timeout") from None
    except OSError as error:
        raise Transient(f"{found} cannot be run: {error.strerror or error}", code="program_broken") from error
    failure = _decisive_line(done.stderr.decode(errors="replace")) if done.returncode else ""
    return Done(done.stdout.decode(errors="replace"), failure.replace(f"{folder}/", ""))


def _environment(folder: Path) -> dict[str, str]:
    """No kubeconfig, no credentials, caches in a folder that goes away; no other program is found (kustomize would run git)."""
    homes = dict.fromkeys(("HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"), str(folder))
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), NOWHERE)
    return {"PATH": os.devnull, "KUBECONFIG": os.devnull, **homes, **proxies}


def _decisive_line(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    wanted = (line for line in lines if line.lower().startswith("error:"))
    return next(wanted, lines[-1] if lines else "it says nothing")
