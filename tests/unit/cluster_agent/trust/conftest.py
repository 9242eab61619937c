"""A real repository, served over real HTTP by the code that the web uses, and agents that read it."""

import http.server
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from cluster_agent.contract import Manifest, Rollout
from cluster_agent.trust import DirectoryStore, MetadataStore, TrustedChannel
from control_plane.domain.errors import NotFound
from control_plane.publishing.keys import KeyRing
from control_plane.publishing.repository import Repository
from control_plane.publishing.static import resolve
from control_plane.publishing.storage import DirectoryStorage

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


class Site(http.server.ThreadingHTTPServer):
    """Serves ``root``; ``answers`` take the place of files; ``requests`` lists (path, status)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = Path()
        self.answers: dict[str, Callable[[Any], int]] = {}
        self.requests: list[tuple[str, int]] = []
        self.date = START
        self.tags = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up on a too long answer is what the tests want."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: two would wait for each other's acknowledgement
    server: Site

    def do_GET(self) -> None:
        path = self.path.removeprefix("/")
        special = next((answer for end, answer in self.server.answers.items() if path.endswith(end)), None)
        _ = special(self) if special else self._serve(path)

    def _serve(self, path: str) -> int:
        try:
            file = resolve(self.server.root, path)
        except NotFound:
            return self.reply(404, b"no such file")
        if self.server.tags and file.matches(self.headers["If-None-Match"]):
            return self.reply(304, b"", etag=file.etag)
        return self.reply(200, file.body, etag=file.etag if self.server.tags else "")

    def reply(self, status: int, body: bytes, *, etag: str = "", **headers: str) -> int:
        self.server.requests.append((self.path.removeprefix("/"), status))
        self.send_response_only(status)
        self.send_header("Date", format_datetime(self.server.date, usegmt=True))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if etag:
            self.send_header("ETag", etag)
        if status != 304 and "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return status

    def log_message(self, *_: Any) -> None:
        pass


@dataclass
class World:
    """A publisher and one agent of channel ``stable``. ``now`` is everybody's clock."""

    folder: Path
    site: Site
    client: httpx2.Client
    now: datetime = START
    repository: Repository = field(init=False)
    agent: TrustedChannel = field(init=False)

    def __post_init__(self) -> None:
        self.site.root = self.folder / "repository"
        self.repository = self.publisher_into(self.site.root)
        self.repository.initialise(channels=["edge", "stable"], now=self.now)
        self.agent = self.new_agent()

    def publisher_into(self, folder: Path) -> Repository:
        """Return a publisher with the same keys that writes somewhere else: a hacked control plane."""
        return Repository(DirectoryStorage(folder), KeyRing(self.folder / "keys"))

    def new_agent(self, store: MetadataStore | None = None) -> TrustedChannel:
        store = store or DirectoryStore(self.folder / "agent")
        return TrustedChannel(
            root=self.repository.first_root(), store=store, base_url=self.site.url, client=self.client
        )

    def fresh_agent(self) -> TrustedChannel:
        """Return an agent that has seen nothing but root.json version 1."""
        shutil.rmtree(self.folder / "fresh", ignore_errors=True)
        return self.new_agent(DirectoryStore(self.folder / "fresh"))

    def publish(self, generation: int, *, repository: Repository | None = None) -> list[str]:
        return (repository or self.repository).publish_channel(
            manifest(generation), rollout(generation, self.now), now=self.now
        )

    def poll(self, channel: str = "stable") -> Any:
        self.site.date = self.now
        return self.agent.poll(channel, self.now)

    def file(self, pattern: str) -> Path:
        """Return the newest published file that matches."""
        return max(self.site.root.glob(pattern), key=lambda path: (path.stat().st_mtime_ns, path.name))


def manifest(generation: int, channel: str = "stable") -> Manifest:
    return Manifest(channel=channel, generation=generation, created=START + timedelta(minutes=generation))


def rollout(generation: int, now: datetime, channel: str = "stable") -> Rollout:
    return Rollout(channel=channel, generation=generation, expires=now + 7 * DAY)


@pytest.fixture(autouse=True)
def no_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut cannot be tested here, and waiting for a busy disk hundreds of times shows nothing."""
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture(scope="session")
def server() -> Iterator[Site]:
    with Site() as site:
        threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield site
        site.shutdown()


@pytest.fixture(scope="session")
def client() -> Iterator[httpx2.Client]:
    with httpx2.Client() as client:
        yield client


@pytest.fixture
def new_world(server: Site, client: httpx2.Client) -> Callable[[Path], World]:
    def make(folder: Path) -> World:
        server.answers, server.requests, server.tags, server.date = {}, [], True, START
        return World(folder, server, client)

    return make


@pytest.fixture
def world(new_world: Callable[[Path], World], tmp_path: Path) -> World:
    """A world in which generation 1 of ``stable`` is published and the agent has accepted nothing yet."""
    world = new_world(tmp_path)
    world.publish(1)
    return world
