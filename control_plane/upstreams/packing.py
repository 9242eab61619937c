"""A folder of a git repository as a packed chart: the same files give the same bytes on any machine, so its digest names them.

Files are sorted, without times, owners and modes, and *stored* in the gzip: deflate's output depends on the library that made it.
"""

import io
import re
import struct
import tarfile
import zlib
from collections.abc import Iterator, Mapping

import yaml

from control_plane.domain.versions.semver import InvalidVersion, parse
from control_plane.upstreams.errors import ChartInvalid

MAX_FILES, MAX_BYTES = 5_000, 10 * 1024 * 1024
MANIFESTS = (".yaml", ".yml", ".json")
KUSTOMIZATIONS = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$")
_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_STORED_MOST = 0xFFFF


def pack_chart(files: Mapping[str, bytes], *, where: str) -> bytes:
    """Return a chart's files (path below its folder → content) as a .tgz. Raises ``ChartInvalid``; ``where`` is for its words."""
    if len(files) > MAX_FILES or sum(map(len, files.values())) > MAX_BYTES:
        raise ChartInvalid(f"{where} has more than {MAX_FILES} files or {MAX_BYTES} bytes", code="chart_large")
    if "Chart.yaml" not in files:
        raise ChartInvalid(f"{where} has no Chart.yaml", code="no_chart")
    return gzip_stored(_tar(_chart_name(files["Chart.yaml"], where), files))


def chart_of_manifests(
    files: Mapping[str, bytes], *, name: str, version: str, app_version: str, where: str
) -> dict[str, bytes]:
    """Return the files of a chart that renders to these very manifests, byte by byte. Raises ``ChartInvalid``.

    Other files are left out. A Kustomization further down is refused: its manifests are not what would be applied.
    """
    if found := sorted(path for path in files if path.rpartition("/")[2] in KUSTOMIZATIONS):
        raise ChartInvalid(f"{where} has a Kustomization in {found[0]}: name that folder", code="no_chart")
    manifests = {path: content for path, content in files.items() if path.endswith(MANIFESTS)}
    if not manifests:
        raise ChartInvalid(f"{where} has neither a Chart.yaml nor any YAML", code="no_chart")
    head = {"apiVersion": "v2", "name": name, "version": version, "appVersion": app_version}
    chart = yaml.safe_dump(head, sort_keys=False).encode()
    return {"Chart.yaml": chart, **{_template(path): escaped(content) for path, content in manifests.items()}}


def escaped(manifest: bytes) -> bytes:
    """Return a template that Helm renders to ``manifest``: only ``{{`` means something to it."""
    return manifest.replace(b"{{", b'{{ "{{" }}')


def chart_version(tag: str, commit: str) -> str:
    """Return the SemVer that a made chart gets: the tag's own, or one that names the commit."""
    try:
        return str(parse(tag))
    except InvalidVersion:
        return f"0.0.0-g{commit[:12]}"


def chart_name(text: str) -> str:
    """Return a chart's name made of ``text`` (a folder or a repository)."""
    return re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")[:53].strip("-") or "manifests"


def gzip_stored(content: bytes) -> bytes:
    """Return ``content`` as gzip without compression: bytes that no library and no version can change."""
    end = struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)
    return b"".join((_GZIP_HEAD, *_stored_blocks(content), end))


def _stored_blocks(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content) or 1, _STORED_MOST):
        block = content[start : start + _STORED_MOST]
        is_last = start + _STORED_MOST >= len(content)
        yield struct.pack("<BHH", is_last, len(block), len(block) ^ 0xFFFF) + block


def _tar(folder: str, files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        # Helm reads a chart's name and version first; everything else is in the order of its bytes.
        for path in sorted(files, key=lambda path: (path != "Chart.yaml", path.encode())):
            member = tarfile.TarInfo(f"{folder}/{path}")
            member.size, member.mode = len(files[path]), 0o644
            archive.addfile(member, io.BytesIO(files[path]))
    return packed.getvalue()


def _chart_name(chart: bytes, where: str) -> str:
    try:
        content = yaml.load(chart, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError) as error:
        raise ChartInvalid(f"{where}/Chart.yaml is no YAML: {str(error).splitlines()[0]}", code="no_chart") from None
    name = content.get("name") if isinstance(content, dict) else None
    if not isinstance(name, str) or not _NAME.match(name):
        raise ChartInvalid(f"{where}/Chart.yaml has no name that Helm takes, but {name!r}", code="no_chart")
    return name


def _template(path: str) -> str:
    """Helm takes ``_x.yaml`` for a library of templates that renders to nothing."""
    folder, slash, name = path.rpartition("/")
    return f"templates/{folder}{slash}{'x' if name.startswith('_') else ''}{name}"
