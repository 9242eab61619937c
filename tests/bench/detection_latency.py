"""How soon a new tag is seen among 5,000 repositories: ``python -m tests.bench.detection_latency [REPOSITORIES]``. Prints a table.

The whole control plane in one process (``tidegate up``: one worker, SQLite) polls a small registry, a process of its own, once a
minute. After every repository was looked at, tags appear at random moments; what counts is when they are in the database. 1: the bound
is broken.
"""

import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from control_plane.domain.sources import SourceSpec
from control_plane.services import sources
from control_plane.store.migrate import upgrade_database
from control_plane.store.models import Application, Upstream
from control_plane.store.session import make_engine, session_scope
from tests.support.databases import free_port

BOUND_SECONDS = 60.0
PUBLISHED, OVER_SECONDS = 300, 90.0
FIRST_LOOKS_SECONDS = 900.0


def declare(url: str, host: str, count: int) -> None:
    """Write ``count`` applications, each with a repository of its own and a policy that takes nothing."""
    now = datetime.now(UTC)
    with session_scope(make_engine(url)) as session:
        for number in range(count):
            spec = SourceSpec(kind="oci", location=f"{host}/acme/app-{number}")
            source = sources.source_ensure(session, spec=spec, account="", is_polled=True, now=now)
            declaration = {
                "name": f"app-{number}",
                "namespace": "apps",
                "chart": {"oci": spec.location},
                "channels": [],
            }
            application = Application(
                name=f"app-{number}", declaration=declaration, declared_at=now, declared_by="bench", poll_seconds=60.0
            )
            session.add(application)
            session.flush()
            wanted = {"rule": ">=100"}
            upstream = Upstream(
                application_id=application.id, source_id=source.id, role="chart", alias="chart", policy=wanted
            )
            session.add(upstream)


def ask(database: Path, statement: str) -> list[tuple[object, ...]]:
    """Return the rows of a statement, without holding anything."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return connection.execute(statement).fetchall()


def watch(database: Path, registry: "subprocess.Popen[str]", count: int) -> list[float]:
    """Publish tags at random moments; return how long each took to be seen, in seconds."""
    assert registry.stdin is not None
    assert registry.stdout is not None
    begun = time.monotonic()
    due = sorted(random.uniform(0, OVER_SECONDS) for _ in range(PUBLISHED))
    published: dict[str, float] = {}
    waits: dict[str, float] = {}
    while len(waits) < PUBLISHED and time.monotonic() - begun < OVER_SECONDS + 5 * BOUND_SECONDS:
        while due and time.monotonic() - begun >= due[0]:
            due.pop(0)
            tag = f"new-{len(published)}"
            registry.stdin.write(f"acme/app-{random.randrange(count)} {tag}\n")
            registry.stdin.flush()
            registry.stdout.readline()
            published[tag] = time.monotonic()
        for (tag,) in ask(database, "SELECT name FROM source_tag WHERE name LIKE 'new-%'"):
            waits.setdefault(str(tag), time.monotonic() - published[str(tag)])
        time.sleep(0.2)
    return sorted(waits.values())


def main(count: int) -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "tests.support.small_registry", str(count)]
        registry = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert registry.stdout is not None
        host = registry.stdout.readline().strip().removeprefix("http://")
        database = folder / "tidegate.sqlite3"
        upgrade_database(f"sqlite:///{database}")
        declare(f"sqlite:///{database}", host, count)
        settings = {
            "TIDEGATE_DATA_DIR": name,
            "TIDEGATE_PORT": str(free_port()),
            "TIDEGATE_HOST_BUDGETS": json.dumps({host: [1e6, 10**9]}),
            "TIDEGATE_LOG_LEVEL": "warning",
        }
        with (folder / "log").open("wb") as log:
            up = subprocess.Popen(
                [sys.executable, "-m", "control_plane", "up"], env={**os.environ, **settings}, stdout=log, stderr=log
            )
        try:
            begun = time.monotonic()
            while ask(database, "SELECT count(*) FROM source WHERE last_look_at IS NULL") != [(0,)]:
                assert up.poll() is None, (folder / "log").read_text()
                assert time.monotonic() - begun < FIRST_LOOKS_SECONDS, "the first looks take too long"
                time.sleep(1)
            first = time.monotonic() - begun
            cpu = _cpu_seconds(up.pid)
            watched = time.monotonic()
            waits = watch(database, registry, count)
            share = (_cpu_seconds(up.pid) - cpu) / (time.monotonic() - watched)
            memory = int(Path(f"/proc/{up.pid}/smaps_rollup").read_text().split("Pss:")[1].split()[0]) / 1024
        finally:
            up.terminate()
            up.wait(timeout=60)
            registry.communicate()
    print(
        f"{count} repositories, all looked at once after {first:.0f} s; one process, {share:.0%} of a core, {memory:.0f} MiB"
    )
    print(f"{len(waits)} of {PUBLISHED} tags seen", end="")
    if len(waits) < PUBLISHED:
        print()
        return 1
    median, p99 = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
    print(f": median {median:.1f} s, p99 {p99:.1f} s (bound {BOUND_SECONDS:.0f} s), longest {waits[-1]:.1f} s")
    return int(p99 > BOUND_SECONDS)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000))
