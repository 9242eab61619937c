"""Programs built from Go modules: ours with a committed go.mod and go.sum, or any published module by its version.

The Go command checks every module against go.sum or Go's public checksum database, so a build repeats.
"""

from __future__ import annotations

import json
import platform
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from test_harness.offline.cache import artefact_path, cached_file, key_of
from test_harness.offline.commands import run
from test_harness.offline.go import go_environment, go_program
from test_harness.offline.progress import step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


_COMPILE_SECONDS = 7200.0  # Kubernetes takes five minutes on two idle cores, and half an hour was seen on busy ones
_NO_DEBUG = "-gcflags=all=-dwarf=false"


def module_folder(module: str, version: str) -> Path:
    """The read-only folder of a published module in Go's module cache; downloaded where it is missing."""
    with tempfile.TemporaryDirectory() as nowhere:  # a go.mod in the working directory would change the meaning
        answer = run(
            [go_program(), "mod", "download", "-json", f"{module}@{version}"],
            environment=go_environment(),
            folder=Path(nowhere),
        )
    return Path(json.loads(answer)["Dir"])


def build_module(
    module: str,
    version: str,
    *,
    name: str,
    package: str = ".",
    ldflags: Sequence[str] = (),
    expected: float | None = None,
) -> Path:
    """The static Linux program `name` of a published module, built within a copy of its folder; cached.

    `package` is relative to the module. `ldflags` are added to `-s -w`, such as `-X pkg.Version=2.2.8`.
    """
    key = key_of(module, version, package, *ldflags, platform.machine())

    def make(target: Path) -> None:
        source = target.parent / "source"
        shutil.copytree(module_folder(module, version), source, copy_function=_copy_writable)
        source.chmod(0o755)
        compile_program(source, package, target, ldflags, target_os="linux")

    with_version = f"{name} {version}"
    return _with_step(with_version, name, key, make, expected)


@dataclass(frozen=True, kw_only=True)
class Source:
    """A program of a module of ours, which lies in `folder` with its go.mod and go.sum."""

    folder: Path
    name: str
    package: str
    ldflags: tuple[str, ...] = ()
    target_os: str | None = None

    def key(self) -> str:
        """Where its result lies in the cache."""
        return key_of(self.folder, self.package, *self.ldflags, self.target_os or platform.system(), platform.machine())


def build_pinned(source: Source, *, expected: float | None = None) -> Path:
    """The program, built from its committed go.mod and go.sum; cached. `expected`: seconds, for the person waiting."""

    def make(target: Path) -> None:
        compile_program(source.folder, source.package, target, source.ldflags, target_os=source.target_os)

    return _with_step(source.name, source.name, source.key(), make, expected)


def pinned_path(source: Source) -> Path:
    """Where `build_pinned` puts it."""
    return artefact_path(source.name, source.key())


def compile_program(
    folder: Path, package: str, target: Path, ldflags: Sequence[str], *, target_os: str | None = None
) -> None:
    """Run `go build` in `folder`; the program is written to `target`.

    Debug information, which linking leaves out (`-w`), is not made in the first place: a tenth of the compiler's time.
    """
    flags = " ".join(["-s", "-w", *ldflags])
    run(
        [go_program(), "build", "-mod=readonly", _NO_DEBUG, "-ldflags", flags, "-o", target, package],
        environment=go_environment(target_os=target_os),
        folder=folder,
        timeout=_COMPILE_SECONDS,
    )


def _with_step(what: str, name: str, key: str, make: Callable[[Path], None], expected: float | None) -> Path:
    def shown(target: Path) -> None:
        with step(f"build {what}", expected=expected) as this:
            make(target)
            this.made(target)

    return cached_file(name, key, shown)


def _copy_writable(source: str, target: str) -> str:
    shutil.copyfile(source, target)
    return target
