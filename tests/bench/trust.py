"""What trust costs: a poll with nothing new, a full refresh, publishing, and the agent's memory. Prints a table.

Run: ``python tests/bench/trust.py``. Each figure is the median and the worst of its runs, over loopback HTTP.
"""

import http.server
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx2

from cluster_agent.contract import ApplicationManifest, Artifact, Manifest, Rollout
from cluster_agent.trust import DirectoryStore, TrustedChannel
from control_plane.domain.errors import NotFound
from control_plane.publishing.keys import KeyRing
from control_plane.publishing.repository import Repository
from control_plane.publishing.static import resolve
from control_plane.publishing.storage import DirectoryStorage

MEMORY_PROGRAM = """
import sys
{imports}
{body}
fields = dict(line.split(":", 1) for line in open("/proc/self/smaps_rollup") if ":" in line and line[0].isupper())
print(int(fields["Pss"].split()[0]) / 1024)
"""
POLL = """
import httpx2
from datetime import datetime, UTC
from pathlib import Path
from cluster_agent.trust import DirectoryStore, TrustedChannel
root, store = Path(sys.argv[1]).read_bytes(), DirectoryStore(Path(sys.argv[2]))
agent = TrustedChannel(root=root, store=store, base_url=sys.argv[3], client=httpx2.Client())
agent.poll("stable", datetime.now(UTC))
"""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def __init__(self, root: Path, *arguments: object) -> None:
        self.root = root
        super().__init__(*arguments)  # type: ignore[arg-type]  # socketserver passes request, address and server

    def do_GET(self) -> None:
        try:
            file = resolve(self.root, self.path)
        except NotFound:
            return self.reply(404, b"")
        if file.matches(self.headers["If-None-Match"]):
            return self.reply(304, b"", file.etag)
        return self.reply(200, file.body, file.etag)

    def reply(self, status: int, body: bytes, etag: str = "") -> None:
        self.send_response(status)
        self.send_header("ETag", etag)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def manifest(generation: int, applications: int) -> Manifest:
    artifact = Artifact(ref="ghcr.io/tidegate/charts/miniflux", digest="sha256:" + "1" * 64)
    listed = (
        ApplicationManifest(
            name=f"a{n}", release="1.0.0", release_digest="sha256:0", namespace=f"a{n}", artifact=artifact
        )
        for n in range(applications)
    )
    return Manifest(channel="stable", generation=generation, created=datetime.now(UTC), applications=tuple(listed))


def measure(work: Callable[[int], object], runs: int) -> tuple[float, float]:
    """Return median and worst time of ``runs`` calls, in milliseconds."""
    times = []
    for run in range(runs):
        start = time.perf_counter()
        work(run)
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times), max(times)


def memory(imports: str, body: str, *arguments: str) -> float:
    """Return the proportional set size, in MiB, of a fresh interpreter after running the lines."""
    program = MEMORY_PROGRAM.format(imports=imports, body=body)
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    with tempfile.TemporaryDirectory() as name, httpx2.Client() as client:
        folder = Path(name)
        repository = Repository(DirectoryStorage(folder / "repository"), KeyRing(folder / "keys"))
        now = datetime.now(UTC)
        repository.initialise(channels=["edge", "stable"], now=now)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, folder / "repository"))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"

        def agent(store: str) -> TrustedChannel:
            return TrustedChannel(
                root=repository.first_root(), store=DirectoryStore(folder / store), base_url=url, client=client
            )

        def publish(run: int) -> None:
            rollout = Rollout(channel="stable", generation=run + 1, expires=now + timedelta(days=7))
            repository.publish_channel(manifest(run + 1, 20), rollout, now=now)

        rows = [("publish a generation of 20 applications", *measure(publish, 30))]
        known = agent("known")
        rows.append(
            (
                "first refresh of an agent, import of python-tuf included",
                *measure(lambda _: known.poll("stable", now), 1),
            )
        )
        rows.append(
            (
                "full refresh of an agent that knows nothing",
                *measure(lambda run: agent(f"new-{run}").poll("stable", now), 30),
            )
        )
        rows.append(("nothing new: one request, 304", *measure(lambda _: known.poll("stable", now), 200)))

        def news(run: int) -> None:
            publish(30 + run)
            started = time.perf_counter()
            known.poll("stable", now)
            taken.append((time.perf_counter() - started) * 1000)

        taken: list[float] = []
        measure(news, 30)
        rows.append(("a new generation to an agent that knows the last", statistics.median(taken), max(taken)))
        rows.append(
            (
                "the web's part of a 304",
                *measure(lambda _: resolve(folder / "repository", "metadata/timestamp.json"), 200),
            )
        )
        print_table(("ms", "median", "worst"), rows)
        (folder / "root.json").write_bytes(repository.first_root())
        arguments = (str(folder / "root.json"), str(folder / "memory"), url)
        sizes = [
            ("bare interpreter", memory("", "")),
            ("poll, first: full refresh with python-tuf", memory("", POLL, *arguments)),
            ("poll after a restart: 304, python-tuf never imported", memory("", POLL, *arguments)),
            ("kubernetes (dynamic client) and poll, 304", memory("import kubernetes.dynamic", POLL, *arguments)),
            (
                "kubernetes (dynamic client) and full refresh",
                memory("import kubernetes.dynamic", POLL, arguments[0], str(folder / "m2"), url),
            ),
        ]
        print_table(("MiB", "PSS", ""), [(label, size, None) for label, size in sizes])


def print_table(head: tuple[str, str, str], rows: list[tuple[str, float, float | None]]) -> None:
    width = max(len(row[0]) for row in rows)
    print(f"\n{head[0]:<{width}}  {head[1]:>8}  {head[2]:>8}")
    for label, first, second in rows:
        print(f"{label:<{width}}  {first:>8.2f}  {'' if second is None else f'{second:8.2f}':>8}")


if __name__ == "__main__":
    main()
