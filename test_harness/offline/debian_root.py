"""Debian root file systems as images, made by debootstrap where no registry has them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from test_harness.offline.cache import cache_dir, key_of, locked
from test_harness.offline.commands import as_root, run, tail
from test_harness.offline.engine import SYSTEM_PATH
from test_harness.offline.errors import ProvisioningError
from test_harness.offline.progress import format_size, step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from test_harness.offline.engine import Engine

SUITE = "bookworm"
_THROWN_AWAY = ("var/cache/apt/archives/*.deb", "var/lib/apt/lists/*", "var/cache/debconf/*-old", "var/log/*.log")


def ensure_image(engine: Engine, repository: str, packages: Sequence[str], *, expected: float) -> str:
    """The tag of an image with Debian's minimal system and `packages`; made where the engine does not hold it."""
    tag = f"{repository}:{SUITE}-{key_of(SUITE, *packages)}"
    if engine.has_image(tag):
        return tag
    with locked(cache_dir() / "locks" / f"{tag.replace('/', '_')}.lock"):
        if not engine.has_image(tag):
            _make(engine, tag, packages, expected)
    return tag


def _make(engine: Engine, tag: str, packages: Sequence[str], expected: float) -> None:
    with step(f"Debian root for {tag}", expected=expected) as this:
        # Not in /tmp, which may be small or mounted without devices.
        prefix = f".root-{key_of(tag)}-"
        for left in cache_dir().glob(f"{prefix}*"):  # by one that was killed: we hold the tag's lock
            _remove(left)
        work = Path(tempfile.mkdtemp(prefix=prefix, dir=cache_dir()))
        try:
            root = work / "root"
            _bootstrap(root, packages)
            _import(engine, root, tag)
        finally:
            _remove(work)
        this.result = format_size(float(engine.docker("image", "inspect", "--format", "{{.Size}}", tag)))


def _bootstrap(root: Path, packages: Sequence[str]) -> None:
    program = shutil.which("debootstrap", path=SYSTEM_PATH)
    if not program:
        raise ProvisioningError("debootstrap is not installed: `apt-get install debootstrap`")
    saved = cache_dir() / "debian-packages"
    saved.mkdir(exist_ok=True)
    run(
        as_root([program, "--variant=minbase", f"--cache-dir={saved}", f"--include={','.join(packages)}", SUITE, root]),
        timeout=1800,
    )
    for pattern in _THROWN_AWAY:
        run(as_root(["find", root / Path(pattern).parent, "-name", Path(pattern).name, "-delete"]))


def _remove(work: Path) -> None:
    """Remove the folder, and never what is mounted in it: a debootstrap that was killed leaves /proc there."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((each for each in mounts if Path(each).is_relative_to(work)), reverse=True):
        run(as_root(["umount", "--lazy", mount]))
    run(as_root(["rm", "-rf", "--one-file-system", work]))


def _import(engine: Engine, root: Path, tag: str) -> None:
    archive = subprocess.Popen(
        [str(word) for word in as_root(["tar", "--numeric-owner", "-C", root, "-c", "."])], stdout=subprocess.PIPE
    )
    imported = subprocess.run(
        ["docker", "import", "-", tag],
        stdin=archive.stdout,
        env=engine.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if archive.wait() or imported.returncode:
        raise ProvisioningError(f"importing {tag} into the Docker Engine failed:\n{tail(imported.stderr)}")
