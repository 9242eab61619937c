"""The charts that a chart in a folder depends on: those in its ``charts/`` as they are, others in the versions that its lock names.

Nothing is resolved: a range may mean another version tomorrow, and the commit would no longer say what runs. A lock that does not fit is
refused. What is fetched is verified against the digest that its repository names, and becomes part of the packed chart's own digest.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from control_plane.domain.errors import InvalidInput, NotFound
from control_plane.domain.sources import SourceSpec
from control_plane.domain.versions import InvalidRange, InvalidVersion, parse_range, semver
from control_plane.domain.versions.helm import tag_of_version
from control_plane.upstreams.charts import pull_chart
from control_plane.upstreams.credentials import named_by_strangers
from control_plane.upstreams.errors import ChartInvalid
from control_plane.upstreams.oci import RegistryClient
from control_plane.upstreams.registry_protocol import without_secrets
from control_plane.upstreams.source import Source
from control_plane.upstreams.yaml_source import read_yaml

MAX_DEPENDENCIES = 100
# Where dependencies and their lock are, by the chart's apiVersion.
_FILES = {"v1": ("requirements.yaml", "requirements.lock"), "v2": ("Chart.yaml", "Chart.lock")}
_MEND = "run `helm dependency update` and commit its lock"


class Dependency(msgspec.Struct, frozen=True):
    """A chart that another needs; ``version`` is a range where a chart declares it, a version where a lock names it."""

    name: str
    version: str = ""
    repository: str = ""


FetchChart = Callable[[Dependency], bytes]
"""Returns the packed chart of a locked dependency."""


class DependencyReader:
    """Fetches locked charts from Helm repositories and OCI registries, as ``application``.

    Both have granted accounts alone: what is read is named by whoever writes the chart (``credentials.named_by_strangers``).
    """

    def __init__(self, repositories: Source, registry: RegistryClient, application: str = "") -> None:
        self._repositories, self._registry, self._application = repositories, registry, application

    def __call__(self, wanted: Dependency) -> bytes:
        """Return the packed chart, verified. Raises ``ChartInvalid`` (there is none), ``Transient``, ``Untrusted``."""
        try:
            with named_by_strangers(f"{wanted.name} in {wanted.repository}, on which it depends,"):
                return self._fetch(wanted)
        except (NotFound, InvalidInput) as error:
            words = f"it depends on {wanted.name} {wanted.version}, which cannot be had: {error.message}"
            raise ChartInvalid(words, code="chart_dependency") from error

    def _fetch(self, wanted: Dependency) -> bytes:
        scheme, _, rest = wanted.repository.partition("://")
        if scheme == "oci":
            repository = f"{rest.rstrip('/')}/{wanted.name}"
            reference = f"{repository}:{tag_of_version(wanted.version)}"
            digest = self._registry.head(reference, application=self._application)
            return pull_chart(self._registry, repository, digest, application=self._application)
        spec = SourceSpec(kind="helm", location=wanted.repository.rstrip("/"), name=wanted.name)
        found = self._repositories.detail(spec, wanted.version, platforms=False)
        return self._repositories.artifact(spec, wanted.version, found.digest)


def lacking(files: Mapping[str, bytes], *, where: str) -> list[Dependency]:
    """Return what a chart's folder needs besides its ``charts/``: locked versions, and folders (``file://``). PURE.

    Raises ``ChartInvalid`` that says what to do.
    """
    chart = _read(files, "Chart.yaml", where)
    declared_in, lock = _FILES.get(str(chart.get("apiVersion", "v1")), _FILES["v2"])
    declared = _dependencies(
        chart if declared_in == "Chart.yaml" else _read(files, declared_in, where), declared_in, where
    )
    vendored = set(_vendored(files, where))
    wanted = [one for one in declared if one.name not in vendored]
    if not wanted:
        return []
    locked = _dependencies(_read(files, lock, where), lock, where)
    return [one if one.repository.startswith("file://") else _locked(one, locked, lock, where) for one in wanted]


def _locked(wanted: Dependency, locked: list[Dependency], lock: str, where: str) -> Dependency:
    words = f"{where} depends on {wanted.name} {wanted.version or '(any version)'}"
    if not wanted.repository:
        raise _refused(f"{words}, which is not in its charts/ and names no repository")
    if not wanted.repository.startswith(("https://", "http://", "oci://")):
        problem = f"of {wanted.repository!r}, a name that only its author's Helm knows: write the repository's address"
        raise _refused(f"{words} {problem}")
    if not _is_plain(wanted.repository):
        raise _refused(f"{words} of {without_secrets(wanted.repository)}, which is no address without credentials")
    if not locked:
        raise _refused(f"{words}, and there is no {lock} that says which version: {_MEND}")
    same = [
        one for one in locked if (one.name, one.repository.rstrip("/")) == (wanted.name, wanted.repository.rstrip("/"))
    ]
    found = next((one for one in same if _is_inside(one.version, wanted.version)), None)
    if found is None:
        told = f"has {same[0].version}" if same else "does not name it"
        raise _refused(f"{words}, but {lock} {told}: {_MEND}")
    return found


def _is_plain(repository: str) -> bool:
    """Say whether an address can be read, and holds no secrets: those would be shown wherever the address is."""
    try:
        parts = urlsplit(repository)
        return parts.username is None and bool(parts.hostname) and (parts.port or 1) > 0 and repository.isprintable()
    except ValueError:
        return False


def _is_inside(version: str, wanted: str) -> bool:
    try:
        return version == wanted or parse_range(wanted or "*").contains(semver.parse(version))
    except (InvalidRange, InvalidVersion):
        return False


def _vendored(files: Mapping[str, bytes], where: str) -> Iterator[str]:
    """Yield the names of the charts in ``charts/``: folders by their Chart.yaml, packed ones by their file's name as Helm writes it."""
    for path in files:
        if re.fullmatch(r"charts/[^/]+/Chart\.yaml", path):
            yield str(_read(files, path, where).get("name", ""))
        elif found := re.fullmatch(r"charts/([^/]+?)-v?\d+\.\d+\.\d+[^/]*\.tgz", path):
            yield found[1]


def _dependencies(content: Mapping[str, Any], file: str, where: str) -> list[Dependency]:
    listed = content.get("dependencies") or []
    try:
        found = msgspec.convert(listed, list[Dependency], strict=False)
    except msgspec.ValidationError as error:
        raise _refused(f"{where}/{file}: dependencies: {error}") from None
    if len(found) > MAX_DEPENDENCIES:
        raise _refused(f"{where}/{file} has more than {MAX_DEPENDENCIES} dependencies")
    if bad := [one.name for one in found if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}", one.name)]:
        raise _refused(f"{where}/{file} depends on {bad[0][:80]!r}, which is no chart's name")
    return found


def _read(files: Mapping[str, bytes], name: str, where: str) -> dict[str, Any]:
    """Return a file's mapping; an empty one where there is no such file."""
    if name not in files:
        return {}
    try:
        found = read_yaml(files[name].decode(errors="replace"), file=f"{where}/{name}").plain()
    except InvalidInput as error:
        raise _refused(error.message) from None
    return found if isinstance(found, dict) else {}


def _refused(words: str) -> ChartInvalid:
    return ChartInvalid(words, code="chart_dependency")
