"""A real server process and Debian's Chromium."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from control_plane.store.session import make_engine
from tests.browser.server import FACTS, PASSWORD
from tests.support.databases import free_port

START_SECONDS = 90.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass
class Server:
    """A control plane's web server that tests may stop and start again."""

    folder: Path
    port: int
    database: str = ""  # SQLite in the folder
    process: "subprocess.Popen[bytes] | None" = None
    ids: dict[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def engine(self) -> Any:
        """An engine of our own on its database: what tests write, the server has to notice."""
        return make_engine(self.database or f"sqlite:///{self.folder / 'tidegate.sqlite3'}")

    def start(self) -> None:
        environment = {**os.environ, "TIDEGATE_DATA_DIR": str(self.folder), "TIDEGATE_PORT": str(self.port)}
        environment |= {"TIDEGATE_DATABASE": self.database} if self.database else {}
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "tests.browser.server"], env=environment, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            log_text = (self.folder / "server.log").read_text(encoding="utf-8")
            assert self.process.poll() is None, log_text
            assert time.monotonic() < deadline, log_text
            time.sleep(0.1)
        self.ids = json.loads((self.folder / FACTS).read_text(encoding="utf-8"))

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _answers(self) -> bool:
        try:
            return bool(urllib.request.urlopen(f"{self.url}/healthz", timeout=5).status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("control-plane"), free_port())
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.fail("Chromium is missing: apt-get install --yes chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="session")
def states(server: Server, browser: Browser) -> dict[str, Any]:
    """The signed-in state of each person, so that only the tests of signing in sign in."""
    return {}


@pytest.fixture
def open_page(server: Server, browser: Browser, states: dict[str, Any]) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a page as a person. What the console says is wrong fails the test at its end."""
    contexts, complaints = [], []

    def make(path: str = "/", *, as_: str = "admin", width: int = 1440, height: int = 900, **options: Any) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, storage_state=states.get(as_), base_url=server.url, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if as_ and as_ not in states:
            sign_in(page, as_)
            states[as_] = context.storage_state()
        page.goto(path)
        return page

    make.complaints = complaints  # type: ignore[attr-defined]  # for tests that provoke some
    yield make
    for context in contexts:
        context.close()
    assert complaints == []


def sign_in(page: Page, name: str) -> None:
    page.goto("/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")
