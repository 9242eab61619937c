"""Two releases compared: the page, the API and the command say the same, and no secret is in any of them."""

import json

import pytest
from typer.testing import CliRunner

from control_plane.store.models import Release
from control_plane.store.session import session_scope

PAIR = {"before": "2.2.8", "after": "2.2.16"}


@pytest.fixture
def compare(people):
    from django.test import Client

    from control_plane.web.accounts import tokens

    token = tokens.create(people["viewer"], "of a test")
    client = Client(SERVER_NAME="127.0.0.1", headers={"Authorization": f"Bearer {token}"})

    def ask(application="miniflux", **pair):
        answer = client.get(f"/api/v1/applications/{application}/compare", pair)
        return answer.status_code, json.loads(answer.content)

    return ask


def test_everything_that_changes_is_told(compare):
    status, got = compare(**PAIR)
    assert status == 200
    assert [one["what"] for one in got["changes"]["images"]] == ["docker.io/miniflux/miniflux"]
    assert [one["what"] for one in got["changes"]["values"]] == ["values.locale"]
    objects = {(one["kind"], one["name"]): one for one in got["objects"]}
    assert objects["Job", "miniflux-migrate"]["change"] == "added"
    assert objects["Job", "miniflux-migrate"]["hook"] == "pre-upgrade"
    deployment = [line["text"].strip() for line in objects["Deployment", "miniflux"]["lines"] if line["kind"] == "plus"]
    assert "limits: {memory: 384Mi}" in deployment
    assert objects["Service", "miniflux"]["marks_only"]
    assert objects["Secret", "miniflux"]["marks_only"]  # its data is hidden: another password is no difference
    assert got["same"] == 1
    assert [one["tag"] for one in got["notes"]] == ["2.2.16", "2.2.12"]
    assert not got["is_back"]


def test_the_way_back_is_the_other_way_round(compare):
    _, got = compare(before="2.2.16", after="2.2.8")
    assert got["is_back"]
    assert {one["change"] for one in got["objects"] if one["kind"] == "Job"} == {"removed"}
    assert [one["tag"] for one in got["notes"]] == ["2.2.16", "2.2.12"]


def test_the_same_release_twice_differs_in_nothing(compare):
    _, got = compare(before="2.2.8", after="2.2.8")
    assert (got["objects"], got["notes"], got["same"]) == ([], [], 5)
    assert not any(got["changes"].values())


def test_what_was_not_kept_is_said(compare):
    with session_scope() as session:
        release = session.query(Release).filter_by(version="1.24.6").one()
        kept, release.rendering = release.rendering, None
    status, got = compare("gitea", before="1.24.6", after="1.25.0")
    with session_scope() as session:
        session.query(Release).filter_by(version="1.24.6").one().rendering = kept
    assert status == 200
    assert "what 1.24.6 renders was not kept" in got["unknown"]
    assert got["changes"]["images"]


def test_notes_that_were_asked_for_a_release_alone_are_told_too(compare):
    with session_scope() as session:
        release = session.query(Release).filter_by(version="1.25.0").one()
        own = {**release.parts["chart"], "notes": {"title": "Gitea 1.25.0", "published_at": "2026-11-20T10:00:00Z"}}
        release.parts = {**release.parts, "chart": own}
    _, got = compare("gitea", before="1.24.6", after="1.25.0")
    assert [(one["tag"], one["notes"]["title"]) for one in got["notes"]] == [("1.25.0", "Gitea 1.25.0")]


def test_a_release_that_is_not_there_is_named(compare, client_of):
    status, got = compare(before="9.9.9", after="2.2.8")
    assert (status, "'9.9.9'" in got["detail"]) == (404, True)
    assert client_of("viewer").get("/applications/nextcloud/compare").status_code == 404


def test_no_secret_is_in_page_api_or_promotion(compare, client_of, ids):
    _, got = compare(**PAIR)
    pages = [client_of("viewer").get(path).content.decode() for path in (
        "/applications/miniflux/compare?before=2.2.8&after=2.2.16", f"/promotions/{ids['promotion']}"
    )]  # fmt: skip
    for text in (json.dumps(got), *pages):
        assert "correct-horse" not in text


def test_the_page_starts_with_the_newest_and_the_one_made_before(client_of):
    page = client_of("viewer").get("/applications/vaultwarden/compare").content.decode()
    assert "1.34.1" in page.partition("<h1>")[2].partition("</h1>")[0]
    older = client_of("viewer").get("/applications/vaultwarden/compare?after=1.34.1").content.decode()
    assert "A way back" in older


def test_the_command_prints_what_differs(compare, monkeypatch):
    from control_plane.cli import client
    from control_plane.cli.releases import app

    class Api:
        def get(self, path, **query):
            assert path == "applications/miniflux/compare"
            return compare(**query)[1]

    monkeypatch.setattr(client, "get_client", Api)
    told = CliRunner().invoke(app, ["diff", "miniflux", "2.2.8", "2.2.16"]).output
    assert "docker.io/miniflux/miniflux" in told
    assert "3 objects differ, 2 more by their version alone, 1 are the same." in told
    assert "+             limits: {memory: 384Mi}" in told
    assert "Feeds larger than 15 MB" in told
    short = CliRunner().invoke(app, ["diff", "miniflux", "2.2.8", "2.2.16", "--no-objects"]).output
    assert "384Mi" not in short
    as_json = CliRunner().invoke(app, ["diff", "miniflux", "2.2.8", "2.2.16", "-o", "json"]).stdout
    assert json.loads(as_json)["after"] == "2.2.16"
