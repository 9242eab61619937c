"""What the command line prints of the real API's answers: every read, as a table and as JSON."""

import json
from collections.abc import Callable

import httpx2
import pytest
from typer.testing import CliRunner

from control_plane.cli import app
from control_plane.cli.client import Client

NOWHERE = "http://127.0.0.1"


@pytest.fixture
def run(people, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Return a function that runs ``tidegate WORDS`` as a viewer against the whole web application; it returns the output."""
    from django.core.wsgi import get_wsgi_application

    from control_plane.web.accounts import tokens

    client = Client(NOWHERE, tokens.create(people["viewer"], "test"))
    client._http = httpx2.Client(
        base_url=client._http.base_url,
        headers=client._http.headers,
        transport=httpx2.WSGITransport(app=get_wsgi_application()),
    )
    monkeypatch.setattr("control_plane.cli.client.get_client", lambda: client)

    def call(words: str) -> str:
        done = CliRunner().invoke(app, words.split(), env={"COLUMNS": "400"})
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output

    return call


READS = {
    "status": "WHY",
    "app list": "APPLICATION",
    "app show miniflux": "UPSTREAM",
    "source list": "PLACE",
    "quarantine list miniflux": "",
    "release list": "VERSION",
    "release list miniflux": "VERSION",
    "promotion list": "APPROVALS",
    "promotion list miniflux": "APPROVALS",
    "channel list": "GENERATION",
    "cluster list": "CONTACT",
    "rollout list": "ROLLOUT",
    "audit": "WHO",
    "explain miniflux": "",
}


@pytest.mark.parametrize("words", READS)
def test_every_read_is_a_table_and_json(run, words: str) -> None:
    assert READS[words] in run(words)
    assert json.loads(run(f"{words} -o json")) is not None


def test_promotions_say_from_where_their_upgrade_comes_and_what_its_rehearsal_proved(run) -> None:
    line = next(line for line in run("promotion list miniflux").splitlines() if "awaiting_approval" in line)
    assert "from 2.2.8: restore-required" in line
    (open_one,) = [
        row for row in json.loads(run("promotion list miniflux -o json")) if row["state"] == "awaiting_approval"
    ]
    assert open_one["upgrade"]["is_rehearsed"] is True
    assert "was rehearsed in run" in open_one["upgrade"]["words"]


def test_an_application_is_shown_with_its_releases(run) -> None:
    shown = run("app show miniflux")
    newest = json.loads(run("app show miniflux -o json"))["releases"][0]
    assert newest["version"] in shown
    assert newest["state"] in shown


def test_a_release_is_shown_with_what_runs_its_rehearsals_and_promotions(run) -> None:
    rows = json.loads(run("release list -o json"))
    promoted = {(row["application"], row["version"]) for row in json.loads(run("promotion list -o json"))}
    row = next(row for row in rows if (row["application"], row["version"]) in promoted)
    words = f"{row['application']} {row['version']}"
    whole, shown = json.loads(run(f"release show {words} -o json")), run(f"release show {words}")
    assert f"{words} is {row['state']}" in shown
    assert all(step["title"] in shown for run_ in whole["runs"] for step in run_["steps"])
    assert all(promotion["channel"] in shown for promotion in whole["promotions"])
    assert all(digest in shown for digest in (whole["manifest"] or {}).get("images", {}).values())


def test_a_release_is_shown_with_what_its_publisher_says(run) -> None:
    shown = run("release show miniflux 2.2.16")
    assert "Miniflux 2.2.16 https://miniflux.example/releases/2.2.16" in shown
    assert "* Categories keep their order." in shown
    assert json.loads(run("release show miniflux 2.2.16 -o json"))["chart_lost"] == ""


def test_a_cluster_is_shown_with_its_reports(run) -> None:
    names = [row["name"] for row in json.loads(run("cluster list -o json"))]
    reports = {name: json.loads(run(f"cluster show {name} -o json"))["reports"] for name in names}
    name = next(name for name in names if reports[name])
    assert reports[name][0]["outcome"] in run(f"cluster show {name}")
    silent = next((name for name in names if not reports[name]), None)
    assert silent is None or "No report yet" in run(f"cluster show {silent}")
