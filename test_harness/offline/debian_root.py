"""Debian root file systems as images, made by mmdebstrap where no registry has them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from test_harness.offline.cache import cache_dir, key_of, locked
from test_harness.offline.commands import as_root, run, tail
from test_harness.offline.engine import SYSTEM_PATH
from test_harness.offline.errors import ProvisioningError
from test_harness.offline.progress import format_size, step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from test_harness.offline.engine import Engine

SUITE = "bookworm"
# As in Debian's own slim images; licences stay. Syncing each file to disk is for systems that must survive a power cut.
_DPKG_OPTIONS = (
    *("path-exclude=/usr/share/man/*", "path-exclude=/usr/share/locale/*", "path-exclude=/usr/share/doc/*"),
    *("path-include=/usr/share/doc/*/copyright", "force-unsafe-io"),
)


def ensure_image(engine: Engine, repository: str, packages: Sequence[str], *, expected: float) -> str:
    """The tag of an image with Debian's minimal system and `packages`; made where the engine does not hold it."""
    tag = f"{repository}:{SUITE}-{key_of(SUITE, *_DPKG_OPTIONS, *packages)}"
    if engine.has_image(tag):
        return tag
    with locked(cache_dir() / "locks" / f"{tag.replace('/', '_')}.lock"):
        if not engine.has_image(tag):
            _make(engine, tag, packages, expected)
    return tag


def _make(engine: Engine, tag: str, packages: Sequence[str], expected: float) -> None:
    with step(f"Debian root for {tag}", expected=expected) as this, _folder(tag) as work:
        _import(engine, tag, _bootstrap(packages, work))
        this.result = format_size(float(engine.docker("image", "inspect", "--format", "{{.Size}}", tag)))


@contextmanager
def _folder(tag: str) -> Iterator[Path]:
    """A folder for the root while it is made. Not in /tmp, which may be small or mounted without devices."""
    prefix = f".root-{key_of(tag)}-"
    for left in cache_dir().glob(f"{prefix}*"):  # by one that was killed: we hold the tag's lock
        _remove(left)
    work = Path(tempfile.mkdtemp(prefix=prefix, dir=cache_dir()))
    try:
        yield work
    finally:
        _remove(work)


def _remove(work: Path) -> None:
    """Remove the folder, and never what is mounted in it: what makes a root mounts /proc there."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((each for each in mounts if Path(each).is_relative_to(work)), reverse=True):
        run(as_root(["umount", "--lazy", mount]))
    run(as_root(["rm", "-rf", "--one-file-system", work]))


def _bootstrap(packages: Sequence[str], work: Path) -> list[str]:
    """The command that writes the root, as a tar archive, to its standard output."""
    program = shutil.which("mmdebstrap", path=SYSTEM_PATH)
    if not program:
        raise ProvisioningError("mmdebstrap is not installed: `apt-get install mmdebstrap`")
    options = [f"--dpkgopt={option}" for option in _DPKG_OPTIONS]
    command = [program, "--variant=minbase", f"--include={','.join(packages)}", *options, SUITE, "-"]
    return [str(word) for word in as_root(["env", f"TMPDIR={work}", *command])]


def _import(engine: Engine, tag: str, command: list[str]) -> None:
    """Run the command into `docker import`. A half archive never gets the image's name."""
    part = f"{tag}-part"
    with tempfile.TemporaryFile("w+") as said:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said) as source:
            imported = subprocess.run(
                ["docker", "import", "-", part],
                stdin=source.stdout,
                env=engine.environment(),
                capture_output=True,
                text=True,
                check=False,
            )
        if source.returncode or imported.returncode:
            said.seek(0)
            raise ProvisioningError(f"making {tag} failed:\n{tail(said.read() + imported.stderr)}")
    engine.docker("tag", part, tag)
    engine.docker("rmi", part)
