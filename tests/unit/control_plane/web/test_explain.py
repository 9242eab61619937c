"""Why this version: the page and the API say the same; policies are tried; people keep tags out and let them in again."""

import json

import pytest
from django.utils import timezone
from sqlalchemy import event

from control_plane.services.first_seen import Anchors, logs_check
from control_plane.store.session import get_engine


@pytest.fixture
def call(people):
    """Call the API as a role."""
    from django.test import Client

    from control_plane.web.accounts import tokens

    def make(method, path, body=None, role="maintainer"):
        token = tokens.create(people[role], "of a test")
        options = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        client = Client(SERVER_NAME="127.0.0.1", headers={"Authorization": f"Bearer {token}"})
        answer = getattr(client, method)(f"/api/v1/{path}", **options)
        return answer.status_code, json.loads(answer.content)

    return make


def test_every_tag_has_one_reason_and_the_chosen_one_is_first(call):
    status, got = call("get", "applications/miniflux/explain?upstream=chart", role="viewer")
    assert status == 200
    (chart,) = got["upstreams"]
    tags = {row["tag"]: row for row in chart["tags"]}
    assert chart["tags"][0]["tag"] == "2.2.16"
    assert [row["tag"] for row in chart["tags"] if row["chosen"]] == ["2.2.16"]
    assert all(row["reason"] for row in chart["tags"])
    assert "quarantined by user:anna" in tags["2.2.14"]["reason"]
    assert "a new major" in tags["3.0.0"]["reason"]
    assert tags["2.2.17"]["waits_until"]
    assert not tags["latest"]["wanted"]
    assert chart["place"] == "ghcr.io/tidegate/charts/miniflux"


def test_an_upstream_that_is_not_there_is_named_with_those_that_are(call):
    status, got = call("get", "applications/miniflux/explain?upstream=web", role="viewer")
    assert status == 404
    assert "it has chart, miniflux" in got["detail"]


@pytest.mark.parametrize("policy", [">=2 <3", "rule: '>=2 <3'", '{"rule": ">=2 <3"}', {"rule": ">=2 <3"}])
def test_a_policy_is_tried_however_it_is_written(call, policy):
    body = {"policy": policy, "tags": ["2.2.9", "2.2.16", "3.0.0", "latest"]}
    status, got = call("post", "policies/explain", body, role="viewer")
    assert status == 200
    assert (got["tags"][0]["tag"], got["tags"][0]["chosen"]) == ("2.2.16", True)


def test_a_wrong_policy_says_where_and_what_would_be_right(call):
    status, got = call("post", "policies/explain", {"policy": "dialect: kel", "tags": ["1"]}, role="viewer")
    assert status == 422
    assert "kel" in got["mistakes"][0]["problem"]
    assert "helm" in got["mistakes"][0]["hint"]


def test_a_quarantine_keeps_a_tag_out_until_it_is_lifted(call):
    body = {"pattern": "glob:1.24.*", "reason": "a test"}
    status, made = call("post", "applications/gitea/quarantines", body)
    assert status == 200
    _, got = call("get", "applications/gitea/explain?upstream=chart")
    reason = next(row["reason"] for row in got["upstreams"][0]["tags"] if row["tag"] == "1.24.6")
    assert "quarantined by" in reason
    assert call("delete", f"applications/miniflux/quarantines/{made['id']}")[0] == 404  # another application's
    assert call("delete", f"applications/gitea/quarantines/{made['id']}")[0] == 200
    assert call("get", "applications/gitea/quarantines")[1] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [({"pattern": "regexp:(", "reason": "x"}, "pattern"), ({"pattern": "1.0", "reason": " "}, "reason")],
)
def test_a_quarantine_that_is_not_right_is_refused_with_its_place(call, body, field):
    status, got = call("post", "applications/gitea/quarantines", body)
    assert status == 422
    assert got["mistakes"][0]["field"] == field


def test_viewers_change_nothing(call):
    assert call("post", "applications/gitea/quarantines", {"pattern": "1", "reason": "x"}, role="viewer")[0] == 403
    assert call("post", "applications/gitea/releases", {"version": "1"}, role="viewer")[0] == 403
    assert call("post", "applications/gitea/remove", {"reason": "x"}, role="viewer")[0] == 403


def test_every_place_is_listed_with_its_state(call):
    _, rows = call("get", "sources", role="viewer")
    row = next(one for one in rows if one["place"] == "ghcr.io/tidegate/charts/keycloak")
    assert row["unknown_since"]
    assert row["applications"] == ["keycloak"]
    assert next(one for one in rows if "charts/miniflux" in one["place"])["tags"] > 40


def test_the_first_seen_logs_are_checked(call, tmp_path):
    def known():
        return call("get", "audit/chain", role="viewer")[1]

    before = known()
    assert (before["sound"], before["running"], before["last"]["rows"]) == (True, None, 1_482)
    ids = {call("post", "audit/checks", role="viewer", body={})[1]["id"] for _ in range(2)}
    assert len(ids) == 1, "a check that goes on is joined"
    (check_id,) = ids
    assert known()["running"]["id"] == check_id
    logs_check(check_id=check_id, anchors=Anchors(tmp_path / "anchors.json"), clock=timezone.now)
    found = known()
    assert (found["sound"], found["running"], found["last"]["damages"]) == (True, None, [])
    assert found["last"]["rows"] not in {0, 1_482}
    assert call("get", f"audit/checks/{check_id}", role="viewer")[1] == found["last"]
    assert call("get", "audit/checks/99999", role="viewer")[0] == 404


def test_the_page_shows_a_part_and_filters(client_of):
    page = client_of("viewer").get("/applications/miniflux/explain").content.decode()
    assert page.count('data-label="Verdict"') == 50
    assert "Show more" in page
    found = client_of("viewer").get("/applications/miniflux/explain?q=quarantined").content.decode()
    assert found.count('data-label="Verdict"') == 1
    everything = client_of("viewer").get("/applications/miniflux/explain?shown=250").content.decode()
    assert "Show more" not in everything
    assert client_of("viewer").get("/applications/miniflux/explain?shown=x&upstream=nope").status_code == 200


def test_a_policy_is_tried_on_the_page_and_an_applications_in_its_form(client_of):
    client = client_of("viewer")
    to_form = client.get("/policies/try?application=miniflux&upstream=miniflux")
    assert to_form["Location"] == "/applications/miniflux/edit#policy-miniflux"
    answer = client.post("/policies/try", {"policy": "~2.1", "tags": "2.1.3\n2.2.0\n2.1.10"})
    assert '<strong class="version">2.1.10</strong>' in answer.content.decode()
    wrong = client.post("/policies/try", {"policy": "dialect: kel", "tags": "1"})
    assert wrong.status_code == 422
    assert "is not known here" in wrong.content.decode()


def test_what_touches_much_asks_for_the_name(client_of):
    client = client_of("maintainer")
    for path in (
        "applications/nextcloud/remove",
        "clusters/breakwater/remove",
        "applications/gitea/releases/1.25.0/reject",
    ):
        answer = client.post(f"/{path}", {"reason": "x", "confirm": "something else"})
        assert answer.status_code == 422
        assert "nothing was changed" in answer.content.decode()


def test_release_notes_are_shown_as_text(client_of):
    page = client_of("viewer").get("/applications/miniflux/releases/2.2.16").content.decode()
    assert "Categories keep their order." in page
    assert 'href="https://miniflux.example/releases/2.2.16"' in page


@pytest.mark.parametrize("path", ["/applications/miniflux", "/applications/miniflux/explain", "/sources"])
def test_statements_do_not_grow_with_what_is_shown(client_of, path):
    seen = []

    def note(connection, cursor, statement, *rest):
        seen.append(statement)

    client = client_of("viewer")
    event.listen(get_engine(), "before_cursor_execute", note)
    try:
        assert client.get(path).status_code == 200
    finally:
        event.remove(get_engine(), "before_cursor_execute", note)
    assert len(seen) < 20, seen
