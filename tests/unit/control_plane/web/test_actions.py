"""Buttons that do what commands do: hold and let go, make a release, look now. Each is audited; each says what it touches."""

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest

from control_plane.domain.errors import NotFound
from control_plane.domain.versions.policy import Tag
from control_plane.store.models import AuditEvent, Release, Source
from control_plane.store.session import read_scope, session_scope


def last_event():
    with read_scope() as session:
        event = session.query(AuditEvent).order_by(AuditEvent.id.desc()).first()
        return event.action, event.subject, event.actor


def test_an_application_is_held_and_let_go_on_its_own_page(client_of, declared):
    client = client_of("maintainer")
    page = client.get(f"/applications/{declared}").content.decode()
    assert f"No further version of {declared} is taken." in page
    form = {"pattern": "glob:*", "reason": "a freeze", "until": "2099-12-24", "next": "application"}
    assert client.post(f"/applications/{declared}/quarantines", form)["Location"] == f"/applications/{declared}"
    held = client.get(f"/applications/{declared}").content.decode()
    assert "Held by user:a-maintainer" in held
    assert "a freeze" in held
    assert f"Hold {declared}" not in held
    lift = held.partition(f'action="/applications/{declared}/quarantines/')[2].partition("/")[0]
    answer = client.post(f"/applications/{declared}/quarantines/{lift}/lift", {"next": "application"})
    assert answer["Location"] == f"/applications/{declared}"
    assert "Held by" not in client.get(f"/applications/{declared}").content.decode()
    assert last_event() == ("application.quarantine_lifted", declared, "user:a-maintainer")


@pytest.fixture
def reader(monkeypatch):
    from control_plane.web.dashboard.views import applications

    class Reader:
        def detail(self, spec, account, tag, *, platforms):
            if tag == "9.9.9":
                raise NotFound(f"there is no {spec.location}:{tag}")
            return Tag(name=tag, digest="sha256:" + "7" * 64)

    monkeypatch.setattr(applications, "shared_reader", Reader)


def test_a_release_is_made_of_the_tags_that_a_person_names(client_of, declared, reader):
    client = client_of("maintainer")
    answer = client.post(f"/applications/{declared}/releases", {"tag.chart": "26.0.0", f"tag.{declared}": ""})
    assert answer["Location"] == f"/applications/{declared}/releases/26.0.0"
    with read_scope() as session:
        release = session.query(Release).filter_by(version="26.0.0").one()
        assert release.discovered_by == "user:a-maintainer"
        assert {part["tag"] for part in release.parts.values()} == {"26.0.0"}
    again = client.post(f"/applications/{declared}/releases", {"tag.chart": "26.0.0"})
    assert again.status_code == 422
    assert "has the release 26.0.0 already" in again.content.decode()


def test_a_tag_that_is_not_there_makes_no_release(client_of, reader):
    answer = client_of("maintainer").post("/applications/keycloak/releases", {"tag.chart": "9.9.9"})
    assert answer.status_code == 404
    with read_scope() as session:
        assert session.query(Release).filter_by(version="9.9.9").count() == 0


def test_a_place_is_due_at_once_when_a_person_asks(client_of, people):
    place = "ghcr.io/tidegate/charts/gitea"
    with session_scope() as session:
        source = session.query(Source).filter_by(location=place).one()
        source.next_look_at = source.last_look_at + timedelta(days=1)
    assert client_of("maintainer").post("/sources/look", {"place": place}).status_code == 302
    with read_scope() as session:
        source = session.query(Source).filter_by(location=place).one()
        assert source.next_look_at - source.last_look_at < timedelta(hours=12)
    assert last_event() == ("source.look_asked", place, "user:a-maintainer")
    missing = client_of("maintainer").post("/sources/look", {"place": "nowhere.example/x"})
    assert missing.status_code == 404
    assert "tidegate source list" in missing.content.decode()


def test_the_api_looks_too(people):
    from django.test import Client

    from control_plane.web.accounts import tokens

    token = tokens.create(people["maintainer"], "of a test")
    api = Client(SERVER_NAME="127.0.0.1", headers={"Authorization": f"Bearer {token}"})
    body = json.dumps({"place": "ghcr.io/tidegate/charts/gitea"})
    answer = api.post("/api/v1/sources/look", body, content_type="application/json")
    assert (answer.status_code, answer.json()["sources"]) == (200, 1)


def test_who_invites_a_cluster_is_told_that_no_pod_reaches_this_machines_own_address(client_of, ids, monkeypatch):
    from control_plane.settings import get_settings
    from control_plane.web.dashboard.views import clusters as views

    monkeypatch.setattr(views, "repository_of", lambda _: SimpleNamespace(first_root=lambda: b"{}"))
    client = client_of("maintainer")
    page = client.post("/clusters/join", {"name": "near-mole", "channel": "stable"}).content.decode()
    assert f"No agent reaches {get_settings().url}: in a pod that address is the pod itself." in page
    reached = get_settings().model_copy(update={"public_url": "https://tidegate.example.org"})
    monkeypatch.setattr(views, "get_settings", lambda: reached)
    page = client.post("/clusters/near-mole/token").content.decode()
    assert "controlPlane.url=https://tidegate.example.org" in page
    assert "No agent reaches" not in page
