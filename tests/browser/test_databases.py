"""Every page and every form on SQLite and on PostgreSQL: a real server process each, by HTTP, the same answers from both."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import create_engine, text

from tests.browser.conftest import Server
from tests.browser.server import PASSWORD
from tests.browser.test_access import PAGES
from tests.support import databases

FILE = """\
apiVersion: tidegate.dev/v1
kind: Application
metadata: {name: written-here}
spec:
  chart: {oci: ghcr.io/example/charts/written-here, version: ">=1"}
  channels: [{name: edge}, {name: stable, after: edge, approvals: 1}]
"""
WHY = {"reason": "a test"}
# In this order: what an earlier one does, a later one finds. Nothing here asks anything of the outside.
FORMS: tuple[tuple[str, dict[str, str], int], ...] = (
    ("/declare", {"file": FILE}, 200),
    ("/declare/review", {"file": FILE}, 200),
    ("/declare/apply", {"file": FILE, "seen": ""}, 302),
    ("/declare/apply", {"file": FILE, "seen": "", "application": "written-here"}, 409),
    ("/applications/miniflux/edit", {"file": FILE}, 422),
    ("/policies/try", {"policy": "~2.1", "tags": "2.1.3 2.1.10"}, 200),
    ("/applications/gitea/quarantines", {"pattern": "glob:2.*", **WHY, "until": "2099-01-01"}, 302),
    ("/applications/gitea/quarantines/2/lift", WHY, 302),
    ("/applications/gitea/releases", {"tag.nothing": "1"}, 422),
    ("/applications/nextcloud/remove", {**WHY, "confirm": "nextcloud"}, 302),
    ("/sources/look", {"place": "ghcr.io/tidegate/charts/gitea"}, 302),
    ("/applications/gitea/releases/1.25.0/requeue", WHY, 302),
    ("/applications/gitea/releases/1.25.0/reject", {**WHY, "confirm": "1.25.0"}, 302),
    ("/applications/grafana/releases/12.2.0/withdraw", {**WHY, "confirm": "12.2.0"}, 302),
    ("/promotions/{promotion}/approve", {"release_digest": "{digest}", "comment": "read"}, 302),
    ("/promotions/{promotion}/revoke", {"release_digest": "{digest}", "comment": "read again"}, 302),
    ("/promotions/{promotion}/reject", {"release_digest": "{digest}", "comment": "no"}, 302),
    ("/rollouts/{rollout}/resume", WHY, 302),
    ("/rollouts/{rollout}/halt", WHY, 302),
    ("/channels/stable/recall", {**WHY, "application": "vaultwarden", "confirm": "stable"}, 302),
    ("/channels/stable/drop", {**WHY, "application": "gitea", "confirm": "stable"}, 302),
    ("/applications/gitea/releases/1.24.6/propose", {**WHY, "channel": "stable"}, 302),
    ("/clusters/join", {"name": "another", "channel": "stable"}, 200),
    ("/clusters/another/token", {}, 200),
    ("/clusters/another/labels", {"labels": "region=eu"}, 302),
    ("/clusters/another/remove", {**WHY, "confirm": "another"}, 302),
    ("/settings/theme", {"theme": "dark"}, 302),
    ("/settings/people", {"name": "ben", "role": "viewer"}, 200),
    ("/settings/people/1", {"role": "approver", "is_active": "on"}, 302),
    ("/settings/people/1/password", {}, 200),
    ("/settings/tokens", {"name": "of a test", "days": "30"}, 200),
    ("/settings/tokens/1/revoke", {}, 302),
    (
        "/settings/password",
        {"current": PASSWORD, "new": "another-tide-and-time", "again": "another-tide-and-time"},
        302,
    ),
    ("/sign-out", {}, 302),
)


class Person:
    """A browser without a screen: keeps cookies, sends the forms' secret, follows nothing."""

    def __init__(self, server: Server) -> None:
        self.http = httpx2.Client(base_url=server.url, timeout=60)
        self.post("/sign-in", {"name": "admin", "password": PASSWORD})

    def get(self, path: str) -> httpx2.Response:
        return self.http.get(path)

    def post(self, path: str, data: dict[str, str]) -> httpx2.Response:
        if "tidegate_csrf" not in self.http.cookies:
            self.get("/sign-in")
        return self.http.post(path, data={**data, "csrfmiddlewaretoken": self.http.cookies["tidegate_csrf"]})


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """URL of an empty PostgreSQL database."""
    folder = Path(tempfile.mkdtemp(prefix="tidegate-pages-"))
    folder.chmod(0o755)
    (folder / "pg").mkdir()
    with databases.postgres(folder / "pg") as url:
        engine = create_engine(url + "postgres", isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("CREATE DATABASE pages"))
        engine.dispose()
        yield url + "pages"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def seeded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server of one test's own on each database."""
    url = "" if request.param == "sqlite" else str(request.getfixturevalue("postgresql"))
    running = Server(tmp_path, databases.free_port(), database=url)
    running.start()
    yield running
    running.stop()


def test_every_page_and_every_form_answers(seeded: Server) -> None:
    person = Person(seeded)
    pages = {path: person.get(path.format(**seeded.ids)) for path in PAGES}
    assert {path: page.status_code for path, page in pages.items()} == dict.fromkeys(PAGES, 200)
    facts = {
        **seeded.ids,
        "digest": pages["/promotions/{promotion}"].text.partition('release_digest" value="')[2].partition('"')[0],
    }
    told = {}
    for path, data, _ in FORMS:
        filled = {name: value.format(**facts) if value == "{digest}" else value for name, value in data.items()}
        told[path, str(data)] = person.post(path.format(**facts), filled).status_code
    assert told == {(path, str(data)): status for path, data, status in FORMS}
