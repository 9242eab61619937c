"""What programs may send: webhooks need their secret, agents their signature, and no body is read further than its limit."""

import asyncio
import base64
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cluster_agent.contract.enrolment import AGENT_JWT_AUDIENCE
from control_plane.settings import Settings, get_settings
from control_plane.store.models import Source
from control_plane.store.session import read_scope
from control_plane.web.bodies import AGENTS, MAINTAINERS, PAGES, bounded, limit_of
from tests.support.world import CHART

HOOK = "/api/webhooks/registry"
NOTE = json.dumps({"repository": CHART})


@pytest.fixture
def secret(ids, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the webhook's secret, as settings name it."""
    file = tmp_path / "secret"
    file.write_text("open sesame\n")
    told = get_settings().model_copy(update={"webhook_secret_file": file})
    monkeypatch.setattr("control_plane.web.api.webhooks.get_settings", lambda: told)
    return file


def looks() -> list[Any]:
    with read_scope() as session:
        return [(row.id, row.next_look_at) for row in session.query(Source).order_by(Source.id)]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer open"}, {"X-Tidegate-Token": ""}])
def test_a_wrong_secret_is_refused_and_nothing_happens(client_of, secret, headers):
    before = looks()
    answer = client_of("").post(HOOK, NOTE, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "wrong_secret")
    assert looks() == before


def test_the_right_secret_makes_upstreams_due(client_of, secret):
    headers = {"Authorization": "Bearer open sesame"}
    answer = client_of("").post(HOOK, NOTE, content_type="application/json", headers=headers)
    assert (answer.status_code, set(answer.json())) == (202, {"upstreams"})
    assert client_of("").post(HOOK, "{", content_type="application/json", headers=headers).status_code == 422


def test_without_its_secret_no_notification_is_accepted(client_of, secret):
    secret.unlink()
    headers = {"Authorization": "Bearer open sesame"}
    assert client_of("").post(HOOK, NOTE, content_type="application/json", headers=headers).status_code == 401


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_wrong_by_an_hour_is_told_with_the_time_here(client_of, hours):
    key, now = Ed25519PrivateKey.generate(), time.time() + hours * 3600
    claims = {"iss": "x", "aud": AGENT_JWT_AUDIENCE, "iat": int(now), "exp": int(now) + 60}
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    body = {"token_id": "x", "token_secret": "x", "cluster": "x", "cluster_uid": "x", "public_key": public}
    answer = client_of("").post(
        "/api/agent/v1/enrol",
        json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Bearer {jwt.encode(claims, key, algorithm='EdDSA')}"},
    )
    assert (answer.status_code, answer.json()["code"]) == (401, "clock_skew")
    assert "Compare the clocks: here it is" in answer.json()["detail"]


def test_each_path_has_its_limit(ids):
    limits = [limit_of(path) for path in (HOOK, "/api/v1/applications", "/api/agent/v1/reports", "/sign-in")]
    assert limits == [Settings.model_fields["webhook_body_limit"].default, MAINTAINERS, AGENTS, PAGES]


@pytest.mark.parametrize("told", [True, False], ids=["length told", "chunked"])
def test_ten_megabytes_are_refused_before_anybody_reads_them(ids, told):
    chunks, reached = [b"x" * 500_000] * 20, []
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": chunks.pop(), "more_body": bool(chunks)}

    async def send(message: Any) -> None:
        sent.append(message)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        reached.append(scope)

    headers = [(b"content-length", b"10000000")] if told else [(b"transfer-encoding", b"chunked")]
    asyncio.run(bounded(app, {"path": HOOK, "headers": headers}, receive, send))
    assert (sent[0]["status"], json.loads(sent[1]["body"])["code"], reached) == (413, "body_too_large", [])
    assert len(chunks) == (20 if told else 17)


def test_a_body_that_fits_passes(ids):
    seen: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Any) -> None:
        raise AssertionError(message)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((await receive())["body"])

    asyncio.run(bounded(app, {"path": HOOK, "headers": []}, receive, send))
    assert seen == [b"{}"]
