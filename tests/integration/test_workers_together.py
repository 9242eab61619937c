"""Several workers, a beat and a web server as real processes on PostgreSQL and Redis: schedules, a killed worker, a burst of webhooks.

A small registry notes when it was asked for what. Each place answers an unchanged look with one 304, so a request is a look.
"""

import hashlib
import hmac
import json
import os
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import Engine, select

from control_plane.store.models import Source, SourceTag
from control_plane.store.session import make_engine, read_scope
from tests.support.databases import free_port
from tests.support.places import declare_places
from tests.support.small_registry import Reply, SmallRegistry, serving

pytestmark = pytest.mark.services
ROOT = Path(__file__).resolve().parents[2]
SECRET, BURST = "open sesame", 1_000


class Noting(SmallRegistry):
    """Notes when each repository's tags were asked for."""

    def answer(self, path: str, query: dict[str, str], authorization: str, etag: str) -> Reply:
        if path.endswith("/tags/list"):
            self.looks[path].append(time.monotonic())
        return super().answer(path, query, authorization, etag)

    looks: dict[str, list[float]]


@dataclass
class Plane:
    """A control plane of several processes, and the registry that it looks at."""

    engine: Engine
    registry: Noting
    folder: Path
    settings: dict[str, str]
    processes: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)

    def start(self, name: str, part: str) -> None:
        with (self.folder / "log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "control_plane", part],
                cwd=ROOT,
                env={**os.environ, **self.settings},
                stdout=log,
                stderr=log,
            )

    def places(self, count: int, *, poll_seconds: float) -> list[str]:
        """Declare repositories; return the paths under which their tags are asked for."""
        names = [f"acme/app-{number}" for number in range(count)]
        for name in names:
            self.registry.push_image(name, "1.0.0")
        host = self.registry.url.removeprefix("http://")
        declare_places(self.engine, [f"{host}/{name}" for name in names], poll_seconds=poll_seconds)
        return [f"/v2/{name}/tags/list" for name in names]

    def eventually(self, check: Callable[[], bool], seconds: float) -> None:
        begun = time.monotonic()
        while not check():
            assert time.monotonic() - begun < seconds, (self.folder / "log").read_text()[-5_000:]
            time.sleep(0.1)

    def least_gap(self, paths: list[str]) -> float:
        looks = (self.registry.looks[path] for path in paths)
        return min(later - earlier for times in looks for earlier, later in pairwise(times))


@pytest.fixture
def plane(postgres_url: str, redis_server: str, tmp_path: Path) -> Iterator[Plane]:
    (tmp_path / "secret").write_text(SECRET)
    settings = {
        "TIDEGATE_DATA_DIR": str(tmp_path / "data"),
        "TIDEGATE_DATABASE_URL": postgres_url,
        "TIDEGATE_BROKER_URL": redis_server,
        "TIDEGATE_PORT": str(free_port()),
        "TIDEGATE_WEBHOOK_SECRET_FILE": str(tmp_path / "secret"),
        "TIDEGATE_LOG_LEVEL": "warning",
    }
    registry = Noting()
    registry.looks = defaultdict(list)
    with serving(registry):
        made = Plane(make_engine(postgres_url), registry, tmp_path, settings)
        try:
            yield made
        finally:
            for process in made.processes.values():
                process.terminate()
            for process in made.processes.values():
                process.wait(timeout=60)
            made.engine.dispose()


def test_two_workers_keep_a_schedule_and_one_goes_on_alone(plane: Plane) -> None:
    paths, looks = plane.places(20, poll_seconds=3.0), plane.registry.looks
    for name in ("first", "second"):
        plane.start(name, "worker")
    plane.eventually(lambda: min(len(looks[path]) for path in paths) >= 5, seconds=120.0)
    plane.processes["first"].kill()
    plane.processes.pop("first").wait()
    killed = time.monotonic()
    plane.eventually(lambda: all(looks[path][-1] > killed for path in paths), seconds=120.0)
    seen = {path: len(looks[path]) for path in paths}
    plane.eventually(lambda: all(len(looks[path]) >= seen[path] + 3 for path in paths), seconds=120.0)
    assert plane.least_gap(paths) >= 1.0, "no place was looked at by two, or twice for what was missed"
    assert "Traceback" not in (plane.folder / "log").read_text()


def test_after_an_absence_every_place_is_looked_at_once(plane: Plane) -> None:
    paths, looks = plane.places(20, poll_seconds=3.0), plane.registry.looks
    plane.start("worker", "worker")
    plane.eventually(lambda: min(len(looks[path]) for path in paths) >= 2, seconds=120.0)
    worker = plane.processes.pop("worker")
    worker.terminate()
    assert worker.wait(timeout=60) == 0
    with read_scope(plane.engine) as session:
        assert set(session.scalars(select(Source.lease_until))) == {None}, "a worker that ends gives back what it has"
    time.sleep(8.0)  # nearly three intervals
    before = {path: len(looks[path]) for path in paths}
    plane.start("worker", "worker")
    plane.eventually(lambda: all(len(looks[path]) > before[path] for path in paths), seconds=60.0)
    assert plane.least_gap(paths) >= 1.0


def test_a_thousand_webhooks_make_one_look_per_place_and_second(plane: Plane) -> None:
    paths = plane.places(3, poll_seconds=3_600.0)
    for name, part in (("web", "web"), ("first", "worker"), ("second", "worker"), ("beat", "beat")):
        plane.start(name, part)
    url, looks = f"http://127.0.0.1:{plane.settings['TIDEGATE_PORT']}", plane.registry.looks
    plane.eventually(lambda: answers(url) and all(looks[path] for path in paths), seconds=120.0)
    time.sleep(2.0)
    named = [path.split("/")[3] for path in paths[:2]]
    body = json.dumps({"repositories": [f"acme/{name}" for name in named]}).encode()
    headers = {"X-Tidegate-Signature": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}
    others, begun, answered = len(looks[paths[2]]), time.monotonic(), list[int]()

    def send() -> None:
        with httpx2.Client() as client:
            for _ in range(BURST // 4):
                answer = client.post(f"{url}/api/webhooks/generic", content=body, headers=headers, timeout=60)
                answered.append(answer.status_code)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    plane.registry.push_image("acme/app-0", "9.9.9")
    last = httpx2.post(f"{url}/api/webhooks/generic", content=body, headers=headers, timeout=60)
    assert (set(answered), len(answered), last.json()) == ({202}, BURST, {"upstreams": 2})
    plane.eventually(lambda: "9.9.9" in tags(plane.engine), seconds=30.0)
    seconds = time.monotonic() - begun
    for path in paths[:2]:
        during = [at for at in looks[path] if at >= begun]
        assert 1 <= len(during) <= seconds + 2
    assert plane.least_gap(paths[:2]) >= 0.95
    assert len(looks[paths[2]]) == others, "nobody named it"


def answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/readyz").status_code == 200
    except httpx2.TransportError:
        return False


def tags(engine: Engine) -> set[str]:
    with read_scope(engine) as session:
        return set(session.scalars(select(SourceTag.name)))
