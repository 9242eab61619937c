"""Helm repositories for tests: packed charts, and indexes of any size as Helm writes them."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from control_plane.upstreams.packing import pack_chart


def packed(name: str, version: str) -> bytes:
    """Return a small chart that renders."""
    chart = f"apiVersion: v2\nname: {name}\nversion: {version}\n".encode()
    template = b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Chart.Name }}\n"
    return pack_chart({"Chart.yaml": chart, "templates/a.yaml": template}, where=name)


def sha256(content: bytes) -> str:
    """Return the hexadecimal digest that an index writes."""
    return hashlib.sha256(content).hexdigest()


def entry_lines(name: str, version: str, digest: str, *, url: str = "", more: str = "") -> str:
    """Return one version as ``helm repo index`` writes it."""
    return (
        f'  - apiVersion: v2\n    appVersion: {version}\n    created: "2024-05-06T07:08:09.123456789Z"\n'
        f"    dependencies:\n    - name: common\n      repository: https://charts.example/common\n      version: 2.x.x\n"
        f"    description: |-\n      A chart for tests.\n        version: 0.0.0\n\n      urls: none\n{more}"
        f"    digest: {digest}\n    maintainers:\n    - email: a@example.com\n      name: version\n"
        f"    name: {name}\n    urls:\n    - {url or f'charts/{name}-{version}.tgz'}\n    version: {version}\n"
    )


def index_lines(charts: Mapping[str, Iterator[str]]) -> Iterator[str]:
    """Yield an index whose charts have these entries."""
    yield "apiVersion: v1\nentries:\n"
    for name, entries in charts.items():
        yield f"  {name}:\n"
        yield from entries
    yield 'generated: "2024-05-06T07:08:09.123456789Z"\n'


def write_large_index(path: Path, *, size: int, charts: int) -> None:
    """Write an index of at least ``size`` bytes whose versions are spread evenly over ``charts`` charts ``chart-0`` …"""
    each = max(1, size // charts // len(entry_lines("chart-0", "1.0.0", "0" * 64)))
    made = {
        f"chart-{number}": (entry_lines(f"chart-{number}", f"1.{n}.0", f"{n:064x}") for n in range(each + 1))
        for number in range(charts)
    }
    with path.open("w") as file:
        file.writelines(index_lines(made))
