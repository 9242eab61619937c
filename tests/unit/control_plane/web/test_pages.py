"""What pages say, their headers, their errors, and that their number of statements does not grow with what they show."""

import re
from datetime import UTC, datetime

import pytest

from control_plane.store.session import read_scope, session_scope


def test_security_headers_are_on_every_answer(client_of):
    for client, path in ((client_of(""), "/sign-in"), (client_of("viewer"), "/"), (client_of("viewer"), "/nowhere")):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"


def test_no_page_has_anything_inline(client_of, ids):
    for path in ("/", "/applications/miniflux", f"/promotions/{ids['promotion']}", "/clusters", "/settings"):
        page = client_of("admin").get(path).content.decode()
        assert " style=" not in page, path
        assert "<style" not in page, path
        assert "<script>" not in page, path
        assert " onclick" not in page, path


def test_a_host_that_is_not_ours_is_refused(client_of):
    assert client_of("").get("/sign-in", HTTP_HOST="evil.example").status_code == 400


def test_the_overview_says_where_each_version_is(client_of):
    page = client_of("viewer").get("/").content.decode()
    for words in ("2.2.16", "needs 1 of 1 approvals", "rehearsing", "Upgrade", "503 Service Unavailable", "halted"):
        assert words in page, words


def test_a_promotion_says_whether_its_upgrade_was_rehearsed(client_of, ids):
    page = client_of("viewer").get(f"/promotions/{ids['promotion']}").content.decode()
    assert re.search(r"the upgrade 2\.2\.8 → 2\.2\.16 was rehearsed in run \d+: restore-required", page)


def test_the_strip_is_on_every_page_with_its_actions(client_of, ids):
    for path in ("/", "/audit", "/clusters"):
        page = client_of("viewer").get(path).content.decode()
        assert f'href="/promotions/{ids["promotion"]}"' in page, path
        assert f'href="/rollouts/{ids["rollout"]}"' in page, path


def test_a_failed_release_shows_the_line_that_says_why(client_of):
    page = client_of("viewer").get("/applications/gitea/releases/1.25.0").content.decode()
    assert "Unable to migrate the database" in page


def test_evidence_is_shown_as_text_and_downloaded_as_it_is(client_of, ids):
    path = f"/runs/{ids['failed_run']}/evidence/pods/miniflux.log"
    assert "Unable to migrate" in client_of("viewer").get(path).content.decode()
    raw = client_of("viewer").get(path + "?raw")
    assert raw["Content-Type"] == "application/octet-stream"
    assert raw["Content-Disposition"].startswith("attachment")
    assert "sandbox" in raw["Content-Security-Policy"]


@pytest.mark.parametrize(
    "file", ["../../tidegate.sqlite3", "/etc/passwd", "pods/other.log", "..%2f..%2fweb-secret-key"]
)
def test_only_listed_evidence_is_ever_read(client_of, ids, file):
    assert client_of("viewer").get(f"/runs/{ids['failed_run']}/evidence/{file}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/applications/none",
        "/applications/miniflux/releases/9.9.9",
        "/promotions/999",
        "/channels/none",
        "/rollouts/999",
        "/clusters/none",
        "/runs/999/evidence/x",
    ],
)
def test_what_is_not_there_is_a_404_with_a_next_step(client_of, path):
    answer = client_of("viewer").get(path)
    assert answer.status_code == 404
    assert "Overview" in answer.content.decode()


def test_texts_from_outside_are_text(client_of, ids):
    hits = client_of("viewer").get("/search", {"q": "<script>alert(1)</script>"}).content.decode()
    assert "<script>alert" not in hits
    filtered = client_of("viewer").get("/audit", {"actor": '"><script>alert(1)</script>'}).content.decode()
    assert "<script>alert" not in filtered


def test_the_audit_log_is_filtered_and_paged(client_of):
    page = client_of("viewer").get("/audit", {"action": "promotion.published", "text": "gitea"}).content.decode()
    assert "release.discovered</code>" not in page
    assert "gitea 1.24.6 → stable" in page
    assert client_of("viewer").get("/audit?before=abc").status_code == 200


def test_a_recall_asks_for_the_channels_name(client_of):
    answer = client_of("maintainer").post(
        "/channels/stable/recall", {"application": "miniflux", "reason": "x", "confirm": "edge"}
    )
    assert answer.status_code == 422
    assert "nothing was changed" in answer.content.decode()


def test_an_approval_for_another_digest_is_refused(client_of, ids):
    answer = client_of("approver").post(
        f"/promotions/{ids['promotion']}/approve", {"release_digest": "sha256:" + "0" * 64}
    )
    assert answer.status_code == 409
    assert "look again" in answer.content.decode()


def test_the_marker_changes_when_something_happens(ids):
    from control_plane.store.models import AuditEvent
    from control_plane.store.queries.marker import change_marker

    with read_scope() as session:
        before = change_marker(session)
    with session_scope() as session:
        session.add(
            AuditEvent(at=datetime.now(UTC), actor="x", action="x.y", subject_type="x", subject_id="1", subject="x")
        )
    with read_scope() as session:
        assert change_marker(session) != before
