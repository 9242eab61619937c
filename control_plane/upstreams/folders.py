"""From a folder of a repository to the files of a chart: a chart with its dependencies, a kustomization as rendered, plain YAML."""

import posixpath
import re
from urllib.parse import urlsplit

from control_plane.upstreams.chart_dependencies import Dependency, FetchChart, lacking
from control_plane.upstreams.errors import ChartInvalid
from control_plane.upstreams.git_tree import GitTree
from control_plane.upstreams.helmignore import FILE, read_ignored
from control_plane.upstreams.kustomize import kustomization_in, kustomized
from control_plane.upstreams.packing import MANIFESTS, chart_of_manifests, pack_chart
from control_plane.upstreams.registry_auth import is_internal

MAX_DEPTH = 5
RENDERED = "manifests.yaml"


def is_deployable(names: set[str]) -> bool:
    """Say whether a folder with files of these names could become a chart."""
    return "Chart.yaml" in names or any(name.endswith(MANIFESTS) for name in names) or bool(kustomization_in(names))


class Packer:
    """Packs folders. ``fetch`` gets the charts that others depend on; ``kubectl`` is the program that renders kustomizations."""

    def __init__(self, fetch: FetchChart, *, kubectl: str = "kubectl") -> None:
        self._fetch, self._kubectl = fetch, kubectl

    def pack(self, tree: GitTree, path: str, *, name: str, version: str, app_version: str) -> bytes:
        """Return the folder ``path`` as a packed chart; one that is made has this name and these versions.

        Raises ``NotFound`` (no such folder), ``ChartInvalid``, and what fetching raises.
        """
        where = f"{path or 'the folder'} {tree.where}"
        names = tree.names(path)
        if "Chart.yaml" in names:
            return self._chart(tree, path, where, MAX_DEPTH)
        files = self._kustomized(tree, path, where) if kustomization_in(names) else tree.files(path)
        made = chart_of_manifests(files, name=name, version=version, app_version=app_version, where=where)
        return pack_chart(made, where=where)

    def _kustomized(self, tree: GitTree, path: str, where: str) -> dict[str, bytes]:
        return {RENDERED: kustomized(tree, path, where=where, kubectl=self._kubectl)}

    def _chart(self, tree: GitTree, path: str, where: str, depth: int) -> bytes:
        """Pack a chart's folder, with what it depends on in its ``charts/``."""
        ignored = tree.read(f"{path}/{FILE}").decode(errors="replace")
        files = tree.files(path, read_ignored(ignored, where=where))
        for needed in lacking(files, where=where):
            packed = (
                self._local(tree, path, needed, where, depth)
                if _is_local(needed)
                else self._fetched(tree, needed, where)
            )
            files[f"charts/{needed.name}-{re.sub(r'[^0-9A-Za-z.+-]', '', needed.version) or '0'}.tgz"] = packed
        return pack_chart(files, where=where)

    def _fetched(self, tree: GitTree, needed: Dependency, where: str) -> bytes:
        host = urlsplit(needed.repository).netloc
        if is_internal(host) and not tree.is_internal:
            words = f"{where} depends on {needed.name} at the internal address {host}: refused"
            raise ChartInvalid(words, code="chart_dependency")
        try:
            return self._fetch(needed)
        except ChartInvalid as error:
            raise ChartInvalid(f"{where}: {error.message}", code=error.code) from error

    def _local(self, tree: GitTree, path: str, needed: Dependency, where: str, depth: int) -> bytes:
        """Pack a chart of the same repository: the commit says which."""
        target = posixpath.normpath(f"{path or '.'}/{needed.repository.removeprefix('file://')}")
        if target.startswith(("..", "/")) or depth == 0 or not tree.has_folder(target):
            problem = (
                "its charts depend on each other too deeply"
                if depth == 0
                else f"{needed.repository} is not in the repository"
            )
            raise ChartInvalid(f"{where} depends on {needed.name}: {problem}", code="chart_dependency")
        return self._chart(tree, target, f"{target} {tree.where}", depth - 1)


def _is_local(needed: Dependency) -> bool:
    return needed.repository.startswith("file://")
