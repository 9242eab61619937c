"""Kustomizations rendered while a folder is packed: rehearsals and clusters get what came out, and need no kustomize.

Only files of the repository count. Everything that a kustomization loads has to be in the commit: what is fetched from elsewhere may
change while the commit does not. So remote bases and files are refused before kubectl runs, and kubectl finds neither git nor a network.
"""

import posixpath
from collections.abc import Container, Iterator, Mapping
from typing import Any, Protocol

import jmespath

from control_plane.domain.errors import InvalidInput
from control_plane.upstreams.errors import ChartInvalid
from control_plane.upstreams.packing import KUSTOMIZATIONS, MAX_BYTES, MAX_FILES
from control_plane.upstreams.programs import run_program, work_folder
from control_plane.upstreams.registry_protocol import without_secrets
from control_plane.upstreams.yaml_source import read_yaml

MAX_FOLDERS = 100
# What a kustomization loads: folders or files; files of its own folder; and the folders that plug-ins' settings lie in.
_RESOURCES = jmespath.compile("[resources, bases, components][][]")
_PLUGINS = jmespath.compile("[generators, transformers, validators][][]")
_FILES = jmespath.compile(
    "[[crds, configurations, patchesStrategicMerge][][], patches[].path, patchesJson6902[].path, replacements[].path,"
    " [openapi.path], [configMapGenerator, secretGenerator][][].[files, envs, [env]][][]][]"
)
_CHARTS = ("helmCharts", "helmChartInflationGenerator")
_LOADED = frozenset({"path", "paths", "files", "envs", "env"})  # what settings of a plug-in may load


class Folders(Protocol):
    """The folders of a commit; paths are from the repository's root."""

    def has_folder(self, path: str) -> bool:
        """Say whether there is such a folder."""

    def files(self, path: str) -> dict[str, bytes]:
        """Return the plain files below a folder. Raises ``NotFound`` or ``ChartInvalid``."""


def kustomized(folders: Folders, path: str, *, where: str, kubectl: str) -> bytes:
    """Return the manifests of the kustomization in the folder ``path``. Raises ``ChartInvalid``, or ``Transient`` without a kubectl."""
    needed = needed_files(folders, path, where=where)
    with work_folder() as folder:
        tree, home = folder / "tree", folder / "home"
        home.mkdir()
        for name, content in needed.items():
            file = tree / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        done = run_program(kubectl, ["kustomize", str(tree / path)], folder=home, setting="TIDEGATE_KUBECTL")
        failure = done.failure.replace(f"{tree}/", "").replace(str(tree), ".")
    if failure:
        raise ChartInvalid(f"{where} is no kustomization that can be built: {failure}", code="kustomization")
    return done.output.encode()


def needed_files(folders: Folders, path: str, *, where: str) -> dict[str, bytes]:
    """Return all files that the kustomization needs, by their paths from the repository's root. Raises ``ChartInvalid``."""
    needed: dict[str, bytes] = {}
    waiting, seen = [posixpath.normpath(path)], set[str]()
    while waiting:
        folder = waiting.pop()
        if folder in seen:
            continue
        seen.add(folder)
        files = folders.files("" if folder == "." else folder)
        needed |= {posixpath.normpath(f"{folder}/{name}"): content for name, content in files.items()}
        if len(seen) > MAX_FOLDERS or len(needed) > MAX_FILES or sum(map(len, needed.values())) > MAX_BYTES:
            words = f"{where} needs more than {MAX_FOLDERS} folders, {MAX_FILES} files or {MAX_BYTES} bytes"
            raise ChartInvalid(words, code="chart_large")
        waiting += _folders_of(folders, folder, files)
    return needed


def kustomization_in(names: Container[str]) -> str:
    """Return the name of the kustomization directly in a folder, empty where there is none."""
    return next((name for name in sorted(KUSTOMIZATIONS) if name in names), "")


def _folders_of(folders: Folders, folder: str, files: Mapping[str, bytes]) -> Iterator[str]:
    """Yield the folders that a kustomization builds on; everything it names is there. Raises ``ChartInvalid``."""
    name = kustomization_in(files)
    file = posixpath.normpath(f"{folder}/{name}")
    if not name:
        raise ChartInvalid(f"{folder} is named by a kustomization and has none", code="kustomization")
    content = _read(files[name], file)
    if named := [one for one in _CHARTS if content.get(one)]:
        words = f"{file}: {named[0]} would fetch a chart; name that chart as the application's own"
        raise ChartInvalid(words, code="kustomization")
    for text in _texts(_RESOURCES, content):
        yield from _local(folders, folder, files, text, file)
    for text in _texts(_PLUGINS, content):
        if _is_inline(text):
            _check_plugin(_read(text.encode(), file), file)
        elif (inside := posixpath.normpath(text)) in files:
            _check_plugin(_read(files[inside], f"{folder}/{inside}"), f"{folder}/{inside}")
        else:
            yield from _local(folders, folder, files, text, file)
    for text in _texts(_FILES, content):
        if not _is_inline(text) and posixpath.normpath(text.rpartition("=")[2]) not in files:
            raise _missing(text, file)


def _local(folders: Folders, folder: str, files: Mapping[str, bytes], text: str, file: str) -> Iterator[str]:
    """Yield the folder that ``text`` names, nothing where it names a file. Raises ``ChartInvalid`` where it is neither."""
    if posixpath.normpath(text) in files:
        return
    target = posixpath.normpath(f"{folder}/{text}")
    if "://" in text or text.startswith("/") or target.startswith("..") or not folders.has_folder(target):
        raise _missing(text, file)
    yield target


def _check_plugin(content: Any, file: str) -> None:
    """Settings of a plug-in may load files too: none from elsewhere."""
    if isinstance(content, list):
        for item in content:
            _check_plugin(item, file)
    elif isinstance(content, dict):
        for key, value in content.items():
            for text in value if isinstance(value, list) else [value]:
                if key in _LOADED and isinstance(text, str) and "://" in text:
                    raise _missing(text, file)
            _check_plugin(value, file)


def _read(content: bytes, file: str) -> dict[str, Any]:
    try:
        found = read_yaml(content.decode(), file=file).plain()
    except UnicodeDecodeError:
        raise ChartInvalid(f"{file} is no UTF-8 text", code="kustomization") from None
    except InvalidInput as error:
        raise ChartInvalid(error.message, code="kustomization") from None
    if not isinstance(found, dict):
        raise ChartInvalid(f"{file} is no mapping", code="kustomization")
    return found


def _texts(expression: Any, content: dict[str, Any]) -> list[str]:
    return [text for text in expression.search(content) or () if isinstance(text, str)]


def _is_inline(text: str) -> bool:
    """Say whether a text is what others name a file for."""
    return "\n" in text or text.startswith("{")


def _missing(text: str, file: str) -> ChartInvalid:
    if "://" in text or text.startswith(("git@", "github.com/")) or "?ref=" in text:
        shown = without_secrets(text)[:200]
        words = (
            f"{file} names {shown!r}: remote bases and files are not fetched, they may change while the commit does not"
        )
        return ChartInvalid(f"{words}. Copy it into the repository", code="kustomization_remote")
    return ChartInvalid(
        f"{file} names {text[:200]!r}, which is no file of its folder and no folder of the repository",
        code="kustomization",
    )
