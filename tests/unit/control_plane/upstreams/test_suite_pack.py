"""Packing a suite: the same files give the same bytes, and nothing gets out of its folder."""

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from control_plane.domain.errors import InvalidInput
from control_plane.upstreams.suite_pack import pack_suite, suite_digest, unpack_suite


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    folder = tmp_path / "suite"
    (folder / "deep").mkdir(parents=True)
    (folder / "test_a.py").write_text("def test_a(): assert 1\n")
    (folder / "deep" / "data.json").write_text("{}")
    return folder


def archive_of(**members: tarfile.TarInfo | bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
            else:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def test_the_same_files_give_the_same_bytes(suite: Path) -> None:
    first = pack_suite(suite)
    os.utime(suite / "test_a.py", (1, 1))
    (suite / "test_a.py").chmod(0o600)
    (suite / "__pycache__").mkdir()
    (suite / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert pack_suite(suite) == first
    (suite / "test_a.py").write_text("def test_a(): assert 2\n")
    assert suite_digest(pack_suite(suite)) != suite_digest(first)


def test_what_is_packed_comes_out(suite: Path, tmp_path: Path) -> None:
    folder = unpack_suite(pack_suite(suite), tmp_path / "out")
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {
        "test_a.py",
        "deep/data.json",
    }
    assert (folder / "test_a.py").read_text() == "def test_a(): assert 1\n"


def test_links_emptiness_and_size_are_refused(suite: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="does not exist"):
        pack_suite(tmp_path / "none")
    (suite / "big").write_bytes(bytes(6 * 1024 * 1024))
    with pytest.raises(InvalidInput, match="more than"):
        pack_suite(suite)
    (suite / "big").unlink()
    (suite / "out").symlink_to("/etc/passwd")
    with pytest.raises(InvalidInput, match="is a link"):
        pack_suite(suite)


def link() -> tarfile.TarInfo:
    member = tarfile.TarInfo("out")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc"
    return member


@pytest.mark.parametrize(
    "archive",
    [
        archive_of(**{"../evil": b"x"}),
        archive_of(out=link()),
        archive_of(bomb=bytes(6 * 1024 * 1024)),
        b"no archive",
        gzip.compress(b"no tar"),
        archive_of(a=b"x" * 1000)[:-30],
    ],
    ids=["path out", "link out", "bomb", "no gzip", "no tar", "cut short"],
)
def test_a_hostile_archive_is_refused(archive: bytes, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        unpack_suite(archive, tmp_path / "target")
    assert not (tmp_path / "evil").exists()
