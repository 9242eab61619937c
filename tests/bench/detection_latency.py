"""How soon a new tag is seen among 5,000 repositories, and what looking costs: ``python -m tests.bench.detection_latency``.

Arguments: ``[REPOSITORIES] [sqlite|postgresql]``. Real processes: ``tidegate up`` (one process, SQLite), or one worker and beat with Redis
and a PostgreSQL that waits for its disk. They poll a small registry, a process of its own, once a minute. After every repository was
looked at and weighed, tags appear at random moments; what counts is when they are in the database. Prints a table; 1: a bound is broken.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, func, select

from control_plane.store.migrate import upgrade_database
from control_plane.store.models import Application, FirstSight, Source
from control_plane.store.session import make_engine, read_scope
from tests.support import databases
from tests.support.places import declare_places

BOUND_SECONDS, BOUND_MS = 60.0, 5.0
PUBLISHED, OVER_SECONDS = 300, 90.0
FIRST_LOOKS_SECONDS = 1_800.0
DAY_SECONDS = 86_400
ROUND_SECONDS = 60.0  # until every place has its own rhythm


class Registry:
    """The registry's process."""

    def __init__(self, count: int) -> None:
        command = [sys.executable, "-m", "tests.support.small_registry", str(count)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.host = self._line().removeprefix("http://")

    def requests(self) -> int:
        """How many it has answered."""
        return self._tell("")

    def publish(self, repository: str, tag: str) -> None:
        self._tell(f"{repository} {tag}")

    def stop(self) -> None:
        self._process.communicate()

    def _tell(self, line: str) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return int(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@dataclass
class Plane:
    """The control plane's processes, by what they are."""

    processes: "dict[str, subprocess.Popen[bytes]]"
    log: Path

    def check(self) -> None:
        for process in self.processes.values():
            assert process.poll() is None, self.log.read_text()[-5_000:]

    def cpu_seconds(self) -> float:
        return sum(_cpu_seconds(process.pid) for process in self.processes.values())

    def memory(self) -> str:
        parts = ((name, _memory(process.pid)) for name, process in self.processes.items())
        return ", ".join(f"{name} {mib:.0f} MiB" for name, mib in parts)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    return int(Path(f"/proc/{pid}/smaps_rollup").read_text().split("Pss:")[1].split()[0]) / 1024


@contextmanager
def running(parts: tuple[str, ...], folder: Path, settings: dict[str, str]) -> Iterator[Plane]:
    """Run parts of the control plane; they are ended in the end."""
    log = folder / "log"
    processes = {}
    with log.open("wb") as output:
        try:
            for part in parts:
                command = [sys.executable, "-m", "control_plane", part]
                processes[part] = subprocess.Popen(
                    command, env={**os.environ, **settings}, stdout=output, stderr=output
                )
            yield Plane(processes, log)
        finally:
            for process in processes.values():
                process.terminate()
            for process in processes.values():
                process.wait(timeout=60)


@contextmanager
def plane(kind: str, folder: Path, host: str, count: int) -> Iterator[tuple[Plane, Engine]]:
    """Run a control plane that knows ``count`` repositories; yield it and its database."""
    settings = {
        "TIDEGATE_DATA_DIR": str(folder / "data"),
        "TIDEGATE_PORT": str(databases.free_port()),
        "TIDEGATE_HOST_BUDGETS": json.dumps({host: [1e6, 10**9]}),
        "TIDEGATE_LOG_LEVEL": "warning",
    }
    (folder / "data").mkdir()
    with ExitStack() as stack:
        url, parts = f"sqlite:///{folder / 'data' / 'tidegate.sqlite3'}", ("up",)
        if kind == "postgresql":
            folder.chmod(0o755)
            (folder / "pg").mkdir()
            url = stack.enter_context(databases.postgres(folder / "pg", durable=True)) + "postgres"
            broker = stack.enter_context(databases.redis(folder))
            settings |= {"TIDEGATE_DATABASE_URL": url, "TIDEGATE_BROKER_URL": broker}
            parts = ("worker", "beat")
        upgrade_database(url)
        engine = make_engine(url)
        stack.callback(engine.dispose)
        declare_places(engine, (f"{host}/acme/app-{number}" for number in range(count)))
        yield stack.enter_context(running(parts, folder, settings)), engine


def settle(plane: Plane, engine: Engine) -> tuple[float, float]:
    """Wait until every repository was looked at, and weighed; return how long each took, in seconds."""
    begun = time.monotonic()
    looked = 0.0
    while True:
        plane.check()
        with read_scope(engine) as session:
            unseen = session.scalar(select(func.count()).select_from(Source).where(Source.last_look_at.is_(None)))
            is_due = Application.choose_at <= datetime.now(UTC)
            unweighed = session.scalar(select(func.count()).select_from(Application).where(is_due))
        seconds = time.monotonic() - begun
        looked = looked or (seconds if not unseen else 0.0)
        if not unseen and not unweighed:
            return looked, seconds
        assert seconds < FIRST_LOOKS_SECONDS, f"{unseen} not looked at, {unweighed} not weighed"
        time.sleep(1)


def watch(engine: Engine, registry: Registry, count: int) -> list[float]:
    """Publish tags at random moments; return how long each took to be seen, in seconds."""
    with read_scope(engine) as session:
        last = session.scalar(select(func.max(FirstSight.id))) or 0
    begun = time.monotonic()
    due = sorted(random.uniform(0, OVER_SECONDS) for _ in range(PUBLISHED))
    published: dict[str, float] = {}
    waits: dict[str, float] = {}
    while len(waits) < PUBLISHED and time.monotonic() - begun < OVER_SECONDS + 5 * BOUND_SECONDS:
        while due and time.monotonic() - begun >= due[0]:
            due.pop(0)
            tag = f"new-{len(published)}"
            registry.publish(f"acme/app-{random.randrange(count)}", tag)
            published[tag] = time.monotonic()
        with read_scope(engine) as session:
            for tag in session.scalars(select(FirstSight.tag).where(FirstSight.id > last)):
                waits.setdefault(tag, time.monotonic() - published[tag])
        time.sleep(0.2)
    return sorted(waits.values())


def main(count: int, kind: str) -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        registry = Registry(count)
        try:
            with plane(kind, Path(name), registry.host, count) as (processes, engine):
                looked, weighed = settle(processes, engine)
                time.sleep(ROUND_SECONDS)
                cpu, asked, since = processes.cpu_seconds(), registry.requests(), time.monotonic()
                waits = watch(engine, registry, count)
                seconds = time.monotonic() - since
                cpu, asked = processes.cpu_seconds() - cpu, registry.requests() - asked
                memory = processes.memory()
        finally:
            registry.stop()
    each = cpu * 1_000 / asked
    print(f"{count} repositories, {kind}: all looked at once after {looked:.0f} s, all weighed after {weighed:.0f} s")
    print(f"CPU of all processes       {cpu / seconds:8.1%} of a core, {each:.2f} ms a look   bound {BOUND_MS:g} ms")
    print(f"requests                   {asked / count / seconds * DAY_SECONDS:8.0f} per repository and day")
    print(f"memory                     {memory}")
    print(f"tags seen                  {len(waits):8d} of {PUBLISHED}")
    if len(waits) < PUBLISHED:
        return 1
    median, p99 = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
    print(f"until seen, median         {median:8.1f} s")
    print(f"until seen, p99            {p99:8.1f} s   bound {BOUND_SECONDS:.0f} s; longest {waits[-1]:.1f} s")
    return int(p99 > BOUND_SECONDS or each > BOUND_MS)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000, sys.argv[2] if len(sys.argv) > 2 else "sqlite"))
