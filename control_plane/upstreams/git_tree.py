"""The files of one commit, read from a fetched repository. Only folders and plain files count; links could lead out."""

import stat
from collections.abc import Iterator
from typing import Protocol

from dulwich.errors import NotCommitError
from dulwich.objects import Blob, Commit, Tree
from dulwich.objects import Tag as TagObject
from dulwich.repo import Repo

from control_plane.domain.errors import NotFound
from control_plane.upstreams.errors import ChartInvalid
from control_plane.upstreams.packing import MAX_BYTES, MAX_FILES

MAX_DEPTH = 50
SMALL_BLOBS = f"blob:limit={MAX_BYTES + 1}".encode()  # asked of the server: larger ones would only fill the memory


class Skip(Protocol):
    """Says whether a file, or a folder with all that is in it, is left out; paths are from the folder that is read."""

    def __call__(self, path: str, *, is_folder: bool) -> bool:
        """Say so of one path."""


def nothing(path: str, *, is_folder: bool) -> bool:
    """Leave nothing out."""
    del path, is_folder
    return False


class GitTree:
    """A commit's folders. Paths are from the repository's root, ``""`` is the root itself; ``where`` names the commit in words.

    ``is_internal``: it comes from an address that nobody outside may send us to.
    """

    def __init__(self, repo: Repo, commit: Commit, where: str, *, is_internal: bool = False) -> None:
        self._repo, self._root, self.where, self.is_internal = repo, commit.tree, where, is_internal

    def names(self, path: str) -> set[str]:
        """Return the names of the plain files directly in a folder. Raises ``NotFound``: there is no such folder."""
        tree = self._folder(path)
        return {name.decode(errors="replace") for name, mode, _ in self._entries(tree) if stat.S_ISREG(mode)}

    def read(self, path: str) -> bytes:
        """Return a plain file's content, nothing where there is no such file."""
        folder, _, name = path.rpartition("/")
        found = {raw: sha for raw, mode, sha in self._entries(self._folder(folder)) if stat.S_ISREG(mode)}
        return self._content(found[name.encode()], path) if name.encode() in found else b""

    def has_folder(self, path: str) -> bool:
        """Say whether there is such a folder."""
        try:
            self._folder(path)
        except NotFound:
            return False
        return True

    def files(self, path: str, skip: Skip = nothing) -> dict[str, bytes]:
        """Return the plain files of a folder by their path below it.

        Raises ``NotFound``, or ``ChartInvalid`` for what is no plain file, and for too much.
        """
        files: dict[str, bytes] = {}
        size = 0
        for name, content in self._walk(self._folder(path), "", f"{path or 'the folder'} {self.where}", skip):
            files[name] = content
            size += len(content)
            if size > MAX_BYTES or len(files) > MAX_FILES:
                words = f"{path or 'the folder'} {self.where} has more than {MAX_FILES} files or {MAX_BYTES} bytes"
                raise ChartInvalid(words, code="chart_large")
        return files

    def _folder(self, path: str) -> bytes:
        tree: bytes = self._root
        for part in (part for part in path.split("/") if part not in {"", "."}):
            folders = {name: sha for name, mode, sha in self._entries(tree) if stat.S_ISDIR(mode)}
            if part.encode() not in folders:
                raise NotFound(f"{path} {self.where} is no folder", code="no_folder")
            tree = folders[part.encode()]
        return tree

    def _content(self, sha: bytes, where: str) -> bytes:
        """Return a file's bytes. A server that filters did not send one that is too large."""
        try:
            blob = self._repo[sha]
        except KeyError:
            raise ChartInvalid(f"{where} is larger than {MAX_BYTES} bytes", code="chart_large") from None
        return blob.data if isinstance(blob, Blob) else b""

    def _walk(self, tree: bytes, above: str, where: str, skip: Skip) -> Iterator[tuple[str, bytes]]:
        if above.count("/") > MAX_DEPTH:
            raise ChartInvalid(f"{where} has folders nested more than {MAX_DEPTH} deep", code="chart_large")
        for raw, mode, sha in self._entries(tree):
            name = raw.decode(errors="replace")
            if name in {"", ".", "..", ".git"} or "/" in name or "\\" in name or not name.isprintable():
                raise ChartInvalid(f"{where} has a file with the name {name!r}", code="chart_name")
            if skip(f"{above}{name}", is_folder=stat.S_ISDIR(mode)):
                continue
            if stat.S_ISDIR(mode):
                yield from self._walk(sha, f"{above}{name}/", where, skip)
            elif stat.S_ISREG(mode):
                yield f"{above}{name}", self._content(sha, f"{where}: {above}{name}")
            else:
                kind = "a link" if stat.S_ISLNK(mode) else "a submodule"
                raise ChartInvalid(
                    f"{where}: {above}{name} is {kind}; only plain files can be packed", code="chart_link"
                )

    def _entries(self, sha: bytes) -> Iterator[tuple[bytes, int, bytes]]:
        """Yield name, mode and id of a tree's entries."""
        tree = self._repo[sha]
        if isinstance(tree, Tree):
            for entry in tree.iteritems():
                yield entry.path, entry.mode, entry.sha


def commit_of(repo: Repo, sha: bytes) -> Commit:
    """Return the commit that an id names in the end. Raises ``NotCommitError``."""
    found = repo[sha]
    while isinstance(found, TagObject):
        found = repo[found.object[1]]
    if not isinstance(found, Commit):
        raise NotCommitError(sha)
    return found
