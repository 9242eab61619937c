"""Helm repositories for tests: packed charts, and indexes of any size as Helm writes them."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

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


class HelmServer:
    """A Helm repository on this machine. ``charts`` are packed by name and version; ``asked`` counts requests by path and status.

    ``validators`` names the headers that it sends (and honours) for the index.
    """

    def __init__(self, server: HTTPServer, *, validators: tuple[str, ...] = ("ETag", "Last-Modified")) -> None:
        self.url = server.url_for("/charts").rstrip("/")
        self.charts: dict[tuple[str, str], bytes] = {}
        self.index: bytes = b""
        self.validators = validators
        self.asked: Counter[tuple[str, int]] = Counter()
        server.expect_request(re.compile("/charts/.*")).respond_with_handler(self._answer)

    def publish(self, name: str, *versions: str, **changes: str) -> None:
        """Add versions of a chart and write the index anew; ``changes`` are for the entries that it has then."""
        self.charts.update({(name, version): packed(name, version) for version in versions})
        self._write_index((name, versions[-1]), changes)

    def add(self, name: str, version: str, content: bytes) -> None:
        """Add a chart of one's own and write the index anew."""
        self.charts[name, version] = content
        self._write_index((name, version), {})

    def _write_index(self, newest: tuple[str, str], changes: Mapping[str, str]) -> None:
        entries: dict[str, list[str]] = {}
        for (chart, version), content in self.charts.items():
            digest = changes.get("digest", sha256(content))
            more = changes.get("more", "") if (chart, version) == newest else ""
            entries.setdefault(chart, []).append(
                entry_lines(chart, version, digest, url=changes.get("url", "").format(chart, version), more=more)
            )
        self.index = "".join(index_lines({chart: iter(lines) for chart, lines in entries.items()})).encode()

    def _answer(self, request: Request) -> Response:
        response = self._respond(request)
        self.asked[request.path.removeprefix("/charts/"), response.status_code] += 1
        return response

    def _respond(self, request: Request) -> Response:
        if request.path.endswith("/index.yaml"):
            return self._respond_index(request)
        content = {f"{name}-{version}.tgz": packed for (name, version), packed in self.charts.items()}
        found = content.get(request.path.rpartition("/")[2])
        return Response(found) if found is not None else Response("<html>404</html>", 404, content_type="text/html")

    def _respond_index(self, request: Request) -> Response:
        known = {"ETag": f'"{sha256(self.index)[:16]}"', "Last-Modified": "Mon, 06 May 2024 07:08:09 GMT"}
        headers = {name: known[name] for name in self.validators}
        told = {"ETag": request.headers.get("If-None-Match"), "Last-Modified": request.headers.get("If-Modified-Since")}
        if any(value is not None and value == headers.get(name) for name, value in told.items()):
            return Response(status=304, headers=headers)
        return Response(self.index, headers=headers, content_type="text/yaml")
