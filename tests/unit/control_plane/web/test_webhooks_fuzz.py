"""Whatever is sent to a webhook's URL is answered, and never with our fault. Schemathesis reads a description of the endpoint."""

import json
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control_plane.settings import get_settings
from control_plane.upstreams.webhooks import VENDORS
from tests.support.hooks import BODIES, HOOKS, path, proof

SECRET = "open sesame"
ANSWERS = {200, 202, 401, 404, 405, 413, 422}
FEW = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


def shaped(value: Any) -> dict[str, Any]:
    """Return a JSON schema of what looks like ``value``: its texts are these or any."""
    if isinstance(value, dict):
        return {
            "type": "object",
            "properties": {name: shaped(one) for name, one in value.items()},
            "required": list(value),
        }
    if isinstance(value, list):
        return {"type": "array", "items": shaped(value[0]), "minItems": 1, "maxItems": 3}
    return {"anyOf": [{"const": value}, {"type": "string"}]}


def operation(vendor: str) -> dict[str, Any]:
    names = (
        "X-GitHub-Delivery",
        "X-Gitlab-Event-UUID",
        "X-Gitea-Delivery",
        "ce-id",
        "ce-specversion",
        "X-Tidegate-Timestamp",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    )
    kinds = ("application/json", "application/cloudevents+json")
    return {
        "parameters": [{"name": name, "in": "header", "schema": {"type": "string"}} for name in names],
        "requestBody": {"content": {kind: {"schema": shaped(BODIES[vendor])} for kind in kinds}},
        "responses": {str(status): {"description": "an answer"} for status in sorted(ANSWERS)},
    }


DESCRIPTION = {
    "openapi": "3.1.0",
    "info": {"title": "Webhooks", "version": "1"},
    "paths": {f"{HOOKS}/{vendor}": {"post": operation(vendor)} for vendor in sorted(VENDORS)},
}
SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION)


@pytest.fixture(scope="module")
def door(ids, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A client of an endpoint whose one secret is ``SECRET``."""
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "control_plane.web.django_settings")
    from django.test import Client

    file = tmp_path_factory.mktemp("fuzz") / "secret"
    file.write_text(SECRET)
    told = get_settings().model_copy(update={"webhook_secret_file": file})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("control_plane.web.api.webhooks.get_settings", lambda: told)
        yield Client(SERVER_NAME="127.0.0.1", raise_request_exception=True)


def send(door: Any, path: str, body: bytes, headers: dict[str, str]) -> int:
    kind = headers.pop("Content-Type", "application/json")
    answer = door.generic("POST", path, body, content_type=kind, headers=headers)
    assert answer.status_code in ANSWERS, (answer.status_code, answer.content)
    assert answer["Content-Type"].startswith("application/json") or answer.status_code == 405
    return int(answer.status_code)


@SCHEMA.parametrize()
@FEW
def test_what_the_description_allows_is_answered(door, case):
    told = requests.Request(**case.as_transport_kwargs(base_url="http://127.0.0.1")).prepare()
    body = told.body.encode() if isinstance(told.body, str) else told.body or b""
    headers = {
        name: value if isinstance(value, str) else value.decode("latin-1") for name, value in told.headers.items()
    }
    headers.pop("Content-Length", None)
    vendor = case.operation.path.rpartition("/")[2]
    send(door, f"{HOOKS}/{vendor}", body, dict(headers))
    send(door, path(vendor, SECRET), body, headers | proof(vendor, body, SECRET))


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_the_descriptions_examples_are_taken(door, vendor):
    body = json.dumps(BODIES[vendor]).encode()
    assert send(door, path(vendor, SECRET), body, proof(vendor, body, SECRET)) in (200, 202)


@given(
    vendor=st.sampled_from(sorted(VENDORS)),
    body=st.binary(max_size=200) | st.sampled_from([b"[" * 90_000, b'{"a":' * 40_000, b"9" * 9_000, b"payload=%5B"]),
    kind=st.sampled_from(
        ["application/json", "application/x-www-form-urlencoded", "text/plain; charset=x", "multipart/form-data"]
    ),
)
@FEW
def test_no_body_is_our_fault(door, vendor, body, kind):
    status = send(door, path(vendor, SECRET), body, proof(vendor, body, SECRET) | {"Content-Type": kind})
    assert status in (401, 422)


@given(rest=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30))
@FEW
def test_no_path_is_our_fault(door, rest):
    assert send(door, f"/api/webhooks/{rest.replace('?', '').replace('#', '')}", b"{}", {}) in (401, 404)
