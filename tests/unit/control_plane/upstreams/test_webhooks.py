"""A notification's secret and the repositories it names. Nothing else of it is read."""

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.domain.errors import InvalidInput
from control_plane.upstreams.webhooks import named_repositories, secret_matches

ENVELOPE = {
    "events": [
        {
            "action": "push",
            "target": {"repository": "tidegate/charts/miniflux", "tag": "2.2.16", "digest": "sha256:0"},
            "request": {"host": "registry.example.com:5000", "method": "PUT"},
        },
        {"action": "push", "target": {"repository": "miniflux/miniflux"}},
    ]
}


def named(body: Any) -> list[str]:
    return named_repositories(json.dumps(body).encode())


def test_a_distribution_envelope_names_every_repository() -> None:
    assert named(ENVELOPE) == [
        "docker.io/miniflux/miniflux",
        "miniflux/miniflux",
        "registry.example.com:5000/tidegate/charts/miniflux",
        "tidegate/charts/miniflux",
    ]


def test_the_generic_form_names_one() -> None:
    assert named({"repository": "ghcr.io/acme/web", "tag": "1"}) == ["ghcr.io/acme/web"]
    assert named({"repository": "nginx"}) == ["docker.io/library/nginx", "nginx"]


@pytest.mark.parametrize(
    "body", [{}, [], "x", None, {"repository": "../../x"}, {"repository": 1}, {"events": [1, {"target": 2}]}]
)
def test_a_notification_without_a_repository_is_refused(body: Any) -> None:
    with pytest.raises(InvalidInput):
        named(body)


def test_a_flood_of_names_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at most"):
        named({"events": [{"target": {"repository": f"a/b{n}"}} for n in range(2_000)]})


@given(st.binary(max_size=80))
def test_no_body_crashes_the_reader(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        named_repositories(body)


def test_a_deeply_nested_body_is_refused() -> None:
    with pytest.raises(InvalidInput):
        named_repositories(b"[" * 100_000)


def test_a_secret_is_known_in_three_ways() -> None:
    body = b"{}"
    signature = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert secret_matches("s3cret", headers={"Authorization": "Bearer s3cret"}, body=body)
    assert secret_matches("s3cret", headers={"x-tidegate-token": "s3cret"}, body=body)
    assert secret_matches("s3cret", headers={"X-Hub-Signature-256": f"sha256={signature}"}, body=body)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "s3cret"},
        {"X-Hub-Signature-256": "sha256="},
        {"X-Tidegate-Token": "é"},
    ],
)
def test_a_wrong_secret_is_wrong(headers: dict[str, str]) -> None:
    assert not secret_matches("s3cret", headers=headers, body=b"{}")
    assert not secret_matches("", headers={**headers, "X-Tidegate-Token": ""}, body=b"{}")
