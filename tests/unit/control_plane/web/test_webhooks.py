"""``/api/webhooks/<vendor>``: who is let in, what is answered, and what is never told of a secret. Payloads: the reader's tests."""

import hashlib
import hmac
import json
import logging
import os
import re
import secrets as random_secrets
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from control_plane.domain.errors import Transient
from control_plane.settings import get_settings
from control_plane.store.models import Delivery
from control_plane.store.session import read_scope, session_scope
from control_plane.upstreams.webhooks import VENDORS
from tests.support.hooks import BODIES, GITHUB, HOOKS, path, proof, web_server

VIEW = "control_plane.web.api.webhooks"
SHARED = "open sesame"
OWN = "a-secret-of-its-own-3f9c"


@pytest.fixture
def folder(ids, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where each vendor's secrets are; the shared one counts where a vendor has none. No delivery was taken before."""
    with session_scope() as session:
        session.query(Delivery).delete()
    folder = tmp_path / "secrets"
    folder.mkdir()
    (tmp_path / "shared").write_text(f"{SHARED}\n")
    update = {"webhook_secrets_dir": folder, "webhook_secret_file": tmp_path / "shared", "webhook_body_limit": 100_000}
    told = get_settings().model_copy(update=update)
    monkeypatch.setattr(f"{VIEW}.get_settings", lambda: told)
    return folder


@pytest.fixture
def nudged(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The places of each nudge."""
    found: list[list[str]] = []
    monkeypatch.setattr(f"{VIEW}._nudge", lambda session, reading, now: found.append(list(reading.places)) or [7])
    return found


@pytest.fixture
def post(client_of, folder) -> Callable[..., Any]:
    """Return a function that sends a vendor's webhook with the proof of ``secret``."""

    def send(vendor: str, content: Any = None, *, secret: str = SHARED, **headers: str) -> Any:
        body = json.dumps(BODIES[vendor] if content is None else content).encode()
        sent = proof(vendor, body, secret) | {name.replace("_", "-"): value for name, value in headers.items()}
        return client_of("").post(path(vendor, secret), body, content_type="application/json", headers=sent)

    return send


def test_every_vendor_has_a_body_here():
    assert BODIES.keys() == VENDORS.keys()


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_the_right_secret_is_taken_and_a_wrong_one_is_not(vendor, post, nudged):
    answer = post(vendor, secret="close sesame")
    assert (answer.status_code, answer.json()["code"], nudged) == (401, "wrong_secret", [])
    answer = post(vendor)
    assert (answer.status_code, answer.json()) == (202, {"upstreams": 1})
    assert any("web" in place for place in nudged[0])


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_a_vendors_own_file_counts_in_place_of_the_shared_one_and_rotates(vendor, post, nudged, folder):
    (folder / vendor).write_text(f"{OWN}\n\n  {OWN}-next  \n")
    assert post(vendor).status_code == 401
    for secret in (OWN, f"{OWN}-next"):
        assert post(vendor, {**BODIES[vendor], "id": secret}, secret=secret).status_code == 202


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xff\xfe"])
def test_a_file_without_a_secret_lets_nobody_in(content, post, nudged, folder):
    (folder / "gitlab").write_bytes(content)
    assert post("gitlab").status_code == post("gitlab", secret="").status_code == 401
    (folder / "gitlab").unlink()
    (folder / "gitlab").mkdir()
    assert post("gitlab").status_code == 401


def test_the_vendor_is_the_urls(client_of, folder, nudged):
    answer = client_of("").post(f"{HOOKS}/bitbucket", "{}", content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_vendor")
    assert client_of("").get(f"{HOOKS}/github").status_code == 405
    body = json.dumps(GITHUB).encode()
    headers = proof("github", body, SHARED)
    assert (
        client_of("").post(f"{HOOKS}/gitea", body, content_type="application/json", headers=headers).status_code == 401
    )


def test_a_body_over_the_limit_is_refused(post, nudged):
    answer = post("github", {**GITHUB, "x": "y" * 100_000})
    assert (answer.status_code, answer.json()["code"], nudged) == (413, "body_too_large", [])


def test_a_ping_is_taken_and_does_nothing(post, nudged):
    answer = post("github", {"zen": "Design for failure.", "hook_id": 1}, X_GitHub_Event="ping", X_GitHub_Delivery="p")
    assert (answer.status_code, answer.json(), nudged) == (202, {"upstreams": 0}, [])


def test_what_names_nothing_is_told_what_it_should_name(post, nudged):
    answer = post("github", {"repository": {}})
    assert (answer.status_code, nudged) == (422, [])
    assert "repository.full_name" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("vendor", "header"),
    [("github", "X_GitHub_Delivery"), ("gitlab", "X_Gitlab_Event_UUID"), ("gitea", "X_Gitea_Delivery")],
)
def test_a_delivery_is_taken_once(vendor, header, post, nudged):
    first, other = random_secrets.token_hex(8), random_secrets.token_hex(8)
    answers = [post(vendor, **{header: name}) for name in (first, first, other, first)]
    assert [one.status_code for one in answers] == [202, 200, 202, 200]
    assert [one.json()["upstreams"] for one in answers] == [1, 0, 1, 0]
    assert len(nudged) == 2


def test_a_cloudevent_is_known_by_source_and_id(post, nudged):
    event = {**BODIES["cloudevents"], "id": random_secrets.token_hex(8)}
    sources = ("/ci", "/ci", "/other", "/ci")
    assert [post("cloudevents", {**event, "source": one}).status_code for one in sources] == [202, 200, 202, 200]


def test_a_signed_time_is_taken_once(client_of, folder, nudged):
    body = json.dumps(BODIES["generic"]).encode()
    stamp = str(int(time.time()))
    signature = hmac.new(SHARED.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"X-Tidegate-Timestamp": stamp, "X-Tidegate-Signature": f"sha256={signature}"}

    def send() -> int:
        answer = client_of("").post(f"{HOOKS}/generic", body, content_type="application/json", headers=headers)
        return int(answer.status_code)

    assert [send(), send()] == [202, 200]
    headers["X-Tidegate-Timestamp"] = str(int(stamp) - 1)
    assert send() == 401


def test_what_failed_may_be_delivered_again(post, monkeypatch):
    def trouble(*_: Any) -> list[int]:
        raise Transient("the database is away")

    monkeypatch.setattr(f"{VIEW}._nudge", trouble)
    assert post("github", X_GitHub_Delivery="after-trouble").status_code == 503
    monkeypatch.setattr(f"{VIEW}._nudge", lambda *_: [1])
    assert post("github", X_GitHub_Delivery="after-trouble").status_code == 202


def test_a_refused_webhook_is_not_remembered(post, nudged):
    assert post("github", secret="wrong", X_GitHub_Delivery="early").status_code == 401
    with read_scope() as session:
        assert session.query(Delivery).filter_by(delivery="early").count() == 0
    assert post("github", X_GitHub_Delivery="early").status_code == 202


def test_event_grids_validation_is_answered(post, nudged):
    body = [{"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": "512d38b6"}}]
    answer = post("azure", body)
    assert (answer.status_code, answer.json(), nudged) == (200, {"validationResponse": "512d38b6"}, [])
    assert post("azure", body, secret="wrong").status_code == 401


@pytest.mark.parametrize("vendor", ["azure", "cloudevents"])
def test_cloudevents_abuse_protection_is_answered_to_those_who_know_the_secret(vendor, client_of, folder):
    headers = {"WebHook-Request-Origin": "eventgrid.azure.net", "WebHook-Request-Rate": "120"}
    answer = client_of("").options(f"{HOOKS}/{vendor}/{SHARED}", headers=headers)
    told = (answer.status_code, answer["WebHook-Allowed-Origin"], answer["WebHook-Allowed-Rate"])
    assert told == (200, "eventgrid.azure.net", "*")
    assert client_of("").options(f"{HOOKS}/{vendor}/wrong", headers=headers).status_code == 401
    assert "WebHook-Allowed-Origin" not in client_of("").options(f"{HOOKS}/{vendor}/{SHARED}")


def test_githubs_form_is_read(client_of, folder, nudged):
    body = urlencode({"payload": json.dumps(GITHUB)}).encode()
    headers = proof("github", body, SHARED)
    answer = client_of("").post(
        f"{HOOKS}/github", body, content_type="application/x-www-form-urlencoded", headers=headers
    )
    assert (answer.status_code, len(nudged)) == (202, 1)


LEAKY = [
    ("POST", "{hooks}/dockerhub/{secret}", 401),
    ("GET", "{hooks}/quay/{secret}", 405),
    ("POST", "{hooks}/quay/{secret}/", 401),
    ("POST", "{hooks}/quay/{secret}/more", 401),
    ("POST", "{hooks}/quai/{secret}", 404),
    ("POST", "{hooks}/{secret}", 404),
    ("POST", "/x{hooks}/quay/{secret}", 404),
]


@pytest.mark.parametrize(("method", "url", "status"), LEAKY)
def test_a_secret_in_the_url_is_in_no_log_and_no_answer(method, url, status, client_of, folder, caplog):
    caplog.set_level(logging.DEBUG)
    answer = client_of("").generic(method, url.format(hooks=HOOKS, secret=OWN), b"{}", content_type="application/json")
    assert answer.status_code == status
    assert caplog.records, "something was logged of it"
    assert OWN not in "\n".join(f"{one.getMessage()} {one.args} {one.exc_text}" for one in caplog.records)
    assert OWN not in answer.content.decode() + str(answer.headers)


def test_a_failure_tells_no_secret_of_the_url(client_of, folder, caplog, capsys, monkeypatch):
    def broken(*_: Any) -> list[int]:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(f"{VIEW}._nudge", broken)
    client = client_of("", raise_request_exception=False)
    (folder / "quay").write_text(OWN)
    answer = client.post(f"{HOOKS}/quay/{OWN}", json.dumps(BODIES["quay"]), content_type="application/json")
    assert answer.status_code == 500
    shown = "\n".join(logging.Formatter().format(one) for one in caplog.records) + "".join(capsys.readouterr())
    assert "a mistake of ours" in shown
    assert "/api/webhooks/quay" in shown
    assert OWN not in shown + answer.content.decode()


def test_the_real_server_logs_no_secret_of_a_url(ids, tmp_path: Path):
    (tmp_path / "shared").write_text("something else")
    told = {"TIDEGATE_DATA_DIR": str(get_settings().data_dir), "TIDEGATE_WEBHOOK_SECRET_FILE": str(tmp_path / "shared")}
    with web_server(told, tmp_path / "log") as base:
        statuses = [_status(method, base + url.format(hooks=HOOKS, secret=OWN)) for method, url, _ in LEAKY]
    shown = (tmp_path / "log").read_text()
    assert statuses == [status for _, _, status in LEAKY], shown
    assert "webhook refused" in re.sub(r"\x1b\[\d*m", "", shown)
    assert OWN not in shown


def _status(method: str, url: str) -> int:
    request = urllib.request.Request(url, data=b"{}" if method == "POST" else None, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


DOCS = Path(__file__).parents[4] / "docs" / "webhooks.md"


def test_the_page_tells_every_vendors_url():
    text = DOCS.read_text()
    assert set(re.findall(r"/api/webhooks/([a-z]+)", text)) == VENDORS.keys()
    for vendor in VENDORS.keys() - {"registry"}:
        assert f"tidegate.example.com{HOOKS}/{vendor}" in text or vendor == "generic"


def test_the_pages_example_is_taken_once_by_the_real_server(ids, tmp_path: Path):
    example = re.search(r"```sh\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert example is not None
    (tmp_path / "webhook-secrets").mkdir()
    (tmp_path / "webhook-secrets" / "generic").write_text(f"{OWN}\n")
    told = {
        "TIDEGATE_DATA_DIR": str(get_settings().data_dir),
        "TIDEGATE_WEBHOOK_SECRETS_DIR": str(tmp_path / "webhook-secrets"),
    }
    with web_server(told, tmp_path / "log") as base:
        again = 'curl --silent --output /dev/null --write-out "%{http_code}" "$TIDEGATE_URL/api/webhooks/generic" '
        again += '-H "X-Tidegate-Timestamp: $time" -H "X-Tidegate-Signature: sha256=$signature" --data-binary "$body"'
        script = f"set -eu\n{example[1]}\necho\n{again} -H 'Content-Type: application/json'"
        shell = subprocess.run(
            ["sh", "-c", script], cwd=tmp_path, env={**os.environ, "TIDEGATE_URL": base}, capture_output=True, text=True
        )
    assert (shell.returncode, shell.stdout.split("\n")) == (0, ['{"upstreams": 0}', "200"]), shell.stderr
