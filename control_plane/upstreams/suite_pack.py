"""A suite's folder as one archive: the same files give the same bytes, so the digest says which tests were run.

Bounded, without links and without what Python leaves behind. Unpacking accepts only plain files and folders below the target.
"""

import gzip
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from cluster_agent.contract import sha256_hex
from control_plane.domain.errors import InvalidInput

MAX_BYTES = 5 * 1024 * 1024
MAX_FILES = 2_000
SKIPPED = frozenset({"__pycache__", ".pytest_cache", ".git", ".venv", ".mypy_cache", ".ruff_cache"})


def pack_suite(folder: Path) -> bytes:
    """Return the folder's files as a tar.gz of at most ``MAX_BYTES`` unpacked. Raises ``InvalidInput``."""
    if not folder.is_dir():
        raise InvalidInput(f"the suite's folder {folder} does not exist", code="suite_missing")
    packed, total = io.BytesIO(), 0
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for count, path in enumerate(_files(folder), start=1):
            content = path.read_bytes()
            total += len(content)
            if total > MAX_BYTES or count > MAX_FILES:
                raise InvalidInput(
                    f"the suite {folder} has more than {MAX_BYTES} bytes or {MAX_FILES} files", code="suite_large"
                )
            member = tarfile.TarInfo(path.relative_to(folder).as_posix())
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    if not total:
        raise InvalidInput(f"the suite's folder {folder} is empty", code="suite_missing")
    return gzip.compress(packed.getvalue(), mtime=0)


def suite_digest(archive: bytes) -> str:
    """Return ``sha256:…`` of a packed suite."""
    return f"sha256:{sha256_hex(archive)}"


def unpack_suite(archive: bytes, folder: Path) -> Path:
    """Unpack a suite below ``folder`` and return it. Raises ``InvalidInput`` for anything but plain files that fit."""
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as content:
            for count, member in enumerate(content, start=1):
                total += member.size
                if not _is_plain(member) or total > MAX_BYTES or count > MAX_FILES:
                    raise InvalidInput(f"the suite's archive is refused at {member.name!r}", code="suite_damaged")
                _write(content, member, folder / member.name)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InvalidInput(f"the suite's archive cannot be unpacked: {error}", code="suite_damaged") from error
    return folder


def _is_plain(member: tarfile.TarInfo) -> bool:
    """Whether it is a file or a folder below the target. (Python's own filter for that is missing in Debian 12's 3.11.2.)"""
    path = PurePosixPath(member.name)
    return (member.isfile() or member.isdir()) and not path.is_absolute() and ".." not in path.parts


def _write(content: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    stream = content.extractfile(member)
    target.write_bytes(stream.read() if stream else b"")


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files to pack, sorted by name; a link is refused, as it may lead out of the folder."""
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        if SKIPPED & set(path.relative_to(folder).parts) or path.suffix == ".pyc":
            continue
        if path.is_symlink():
            raise InvalidInput(f"{path} is a link: a suite has plain files only", code="suite_link")
        if path.is_file():
            yield path
