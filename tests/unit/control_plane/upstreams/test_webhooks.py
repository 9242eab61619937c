"""What holds for every vendor's webhook: its secret, bodies that are none, floods. Payloads are in ``test_webhooks_vendors``."""

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.domain.errors import InvalidInput, NotFound
from control_plane.upstreams.webhooks import VENDORS, call_of, is_authentic, named_places, read, vendor_named

SECRET = "s3cret"
BODY = b'{"repository": "ghcr.io/acme/web"}'
NOW = 1_767_268_800.0


def signed(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def is_accepted(
    vendor: str, headers: dict[str, str], *, secrets: tuple[str, ...] = (SECRET,), url_secret: str = ""
) -> bool:
    call = call_of(headers, BODY, url_secret=url_secret, now=NOW)
    return is_authentic(vendor_named(vendor), call, secrets)


HASH, BEARER = signed(BODY), f"Bearer {SECRET}"
STAMP = str(int(NOW))
TIMED = {"X-Tidegate-Timestamp": STAMP, "X-Tidegate-Signature": f"sha256={signed(f'{STAMP}.'.encode() + BODY)}"}
KEY = bytes(range(32))  # GitLab's signing tokens name 32 bytes in base64
SIGNING_TOKEN = f"whsec_{base64.b64encode(KEY).decode()}"


def gitlab_signed(body: bytes = BODY, *, stamp: str = STAMP, key: bytes = KEY) -> dict[str, str]:
    """Headers as GitLab's documentation of signing tokens (and Standard Webhooks) has them."""
    digest = hmac.digest(key, f"f5e57.{stamp}.".encode() + body, "sha256")
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": "f5e57", "webhook-timestamp": stamp, "webhook-signature": signature}


PROOFS: list[tuple[str, dict[str, str]]] = [
    ("github", {"X-Hub-Signature-256": f"sha256={HASH}"}),
    ("ghcr", {"X-Hub-Signature-256": f"sha256={HASH}"}),
    ("gitlab", {"X-Gitlab-Token": SECRET}),
    ("gitlab", gitlab_signed(key=SECRET.encode())),
    ("gitea", {"X-Gitea-Signature": HASH}),
    ("gitea", {"X-Forgejo-Signature": HASH}),
    ("forgejo", {"X-Forgejo-Signature": HASH}),
    ("forgejo", {"X-Gitea-Signature": HASH}),
    ("harbor", {"Authorization": SECRET}),
    ("harbor", {"Authorization": BEARER}),
    ("jfrog", {"X-JFrog-Event-Auth": SECRET}),
    ("jfrog", {"X-JFrog-Event-Auth": HASH}),
    ("azure", {"Authorization": BEARER}),
    ("azure", {"X-Tidegate-Token": SECRET}),
    ("distribution", {"Authorization": BEARER}),
    ("distribution", {"x-tidegate-token": SECRET}),
    ("cloudevents", {"Authorization": BEARER}),
    ("generic", {"X-Tidegate-Signature": f"sha256={HASH}"}),
    ("generic", TIMED),
    ("registry", {"Authorization": BEARER}),
    ("registry", {"X-Tidegate-Token": SECRET}),
    ("registry", {"X-Hub-Signature-256": f"sha256={HASH}"}),
]


@pytest.mark.parametrize(("vendor", "headers"), PROOFS)
def test_each_vendor_proves_itself_in_its_own_way(vendor: str, headers: dict[str, str]) -> None:
    assert is_accepted(vendor, headers)
    assert is_accepted(vendor, headers, secrets=("new", SECRET)), "while a secret is changed, both count"
    assert not is_accepted(vendor, headers, secrets=("another",))
    assert not is_accepted(vendor, headers, secrets=())
    for name, value in headers.items():
        assert not is_accepted(vendor, {**headers, name: value[:-1]})


def test_gitlabs_signing_token_names_a_key() -> None:
    assert is_accepted("gitlab", gitlab_signed(), secrets=(SIGNING_TOKEN,))
    assert is_accepted("gitlab", gitlab_signed(), secrets=("another", SIGNING_TOKEN))
    assert not is_accepted("gitlab", gitlab_signed(b"{}"), secrets=(SIGNING_TOKEN,))
    assert not is_accepted("gitlab", gitlab_signed(key=SIGNING_TOKEN.encode()), secrets=(SIGNING_TOKEN,))
    assert not is_accepted("gitlab", gitlab_signed(), secrets=("whsec_no base64!",))


def test_of_several_signatures_one_has_to_be_right() -> None:
    """While a key is changed both are told."""
    told = gitlab_signed()
    both = {**told, "webhook-signature": f"v1,AAAA {told['webhook-signature']}"}
    assert is_accepted("gitlab", both, secrets=(SIGNING_TOKEN,))
    flood = {**told, "webhook-signature": "v1,AAAA " * 50 + told["webhook-signature"]}
    assert not is_accepted("gitlab", flood, secrets=(SIGNING_TOKEN,))


@pytest.mark.parametrize("stamp", [str(int(NOW) - 301), str(int(NOW) + 301), "", "soon", "-1", "1e9"])
def test_a_signature_of_another_time_is_no_proof(stamp: str) -> None:
    assert not is_accepted("gitlab", gitlab_signed(stamp=stamp), secrets=(SIGNING_TOKEN,))


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_a_proof_that_is_another_vendors_is_none(vendor: str) -> None:
    own = {name.lower() for known, headers in PROOFS if known == vendor for name in headers}
    for _, headers in PROOFS:
        if not own & {name.lower() for name in headers} and vendor not in ("registry", "cloudevents", "generic"):
            assert not is_accepted(vendor, headers)
    assert not is_accepted(vendor, {})


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_only_those_that_cannot_send_headers_may_have_their_secret_in_the_url(vendor: str) -> None:
    assert is_accepted(vendor, {}, url_secret=SECRET) == (vendor in ("dockerhub", "quay", "azure", "cloudevents"))
    assert not is_accepted(vendor, {}, url_secret=SECRET[1:])
    assert not is_accepted(vendor, {}, url_secret="\udcff")


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_an_empty_secret_matches_nothing(vendor: str) -> None:
    empty = hmac.new(b"", BODY, hashlib.sha256).hexdigest()
    headers = {"Authorization": "Bearer ", "X-Tidegate-Token": "", "X-Gitlab-Token": "", "X-Gitea-Signature": empty}
    headers |= {"X-Hub-Signature-256": f"sha256={empty}", "X-Tidegate-Signature": f"sha256={empty}"}
    assert not is_accepted(vendor, headers, secrets=("",))


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer wrong"},
        {"Authorization": SECRET},
        {"X-Hub-Signature-256": "sha256="},
        {"X-Tidegate-Token": "é"},
        {"X-Tidegate-Token": "\udcff"},
    ],
)
def test_a_wrong_secret_is_wrong(headers: dict[str, str]) -> None:
    assert not is_accepted("registry", headers)


@pytest.mark.parametrize("age", [-301, 301, 10**9])
def test_a_signed_time_too_far_from_now_is_refused(age: int) -> None:
    stamp = str(int(NOW) - age)
    headers = {"X-Tidegate-Timestamp": stamp}
    headers["X-Tidegate-Signature"] = f"sha256={signed(f'{stamp}.'.encode() + BODY)}"
    assert not is_accepted("generic", headers)


@pytest.mark.parametrize("stamp", ["soon", "-1", "1e9", "٣", "9" * 40])
def test_a_signed_time_must_be_seconds(stamp: str) -> None:
    signature = signed(f"{stamp}.".encode() + BODY)
    headers = {"X-Tidegate-Timestamp": stamp, "X-Tidegate-Signature": f"sha256={signature}"}
    assert not is_accepted("generic", headers)


def test_the_time_cannot_be_taken_off_or_changed() -> None:
    assert not is_accepted("generic", {"X-Tidegate-Signature": TIMED["X-Tidegate-Signature"]})
    assert not is_accepted("generic", {**TIMED, "X-Tidegate-Timestamp": str(int(NOW) + 1)})


def test_secrets_and_bodies_are_in_no_representation_of_a_call() -> None:
    assert SECRET not in repr(call_of({"Authorization": SECRET}, SECRET.encode(), url_secret=SECRET))


def test_an_unknown_vendor_is_told_which_there_are() -> None:
    with pytest.raises(NotFound, match="github"):
        named_places("bitbucket", {}, b"{}")


@pytest.mark.parametrize("vendor", sorted(VENDORS))
@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"a":' * 50_000, b"9" * 10_000, b"null", b"[]", b"{}"]
)
def test_a_body_that_names_nothing_is_refused(vendor: str, body: bytes) -> None:
    with pytest.raises(InvalidInput):
        named_places(vendor, {}, body)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["push", "docker.io/a/b", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "repository",
                    "events",
                    "target",
                    "data",
                    "project",
                    "package",
                    "id",
                    "source",
                    "type",
                    "action",
                    "request",
                    "host",
                    "event_data",
                    "resources",
                    "resource_url",
                    "full_name",
                    "clone_url",
                    "docker_url",
                    "updated_tags",
                    "specversion",
                    "repo_key",
                    "path",
                    "domain",
                    "jpd_origin",
                    "image_name",
                    "namespace",
                    "name",
                    "data_base64",
                    "callback_url",
                    "repositories",
                    "owner",
                    "login",
                    "html_url",
                    "package_version",
                    "package_url",
                    "subject",
                    "repo_name",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)
EVENTS = ["push", "package", "Push Hook", "System Hook", "ping", ""]


@given(vendor=st.sampled_from(sorted(VENDORS)), content=JSON, event=st.sampled_from(EVENTS))
def test_no_content_crashes_a_reader(vendor: str, content: Any, event: str) -> None:
    headers = {name: event for name in ("X-GitHub-Event", "X-Gitea-Event", "X-Gitlab-Event") if event}
    try:
        reading = read(vendor_named(vendor), call_of(headers, json.dumps(content).encode()))
    except InvalidInput:
        return
    assert all(place.isascii() and place.isprintable() for place in reading.places)
    assert len(reading.delivery) <= 255
    assert reading.delivery.isascii()


@given(vendor=st.sampled_from(sorted(VENDORS)), body=st.binary(max_size=80), form=st.booleans())
def test_no_body_crashes_a_reader(vendor: str, body: bytes, form: bool) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    with pytest.raises(InvalidInput):
        named_places(vendor, headers, body)


@pytest.mark.parametrize("body", [b"payload=", b"", b"payload", b"a=1", b"\xff=1", b"&" * 5_000, b"payload=%7B"])
def test_a_form_without_its_field_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        named_places("github", {"Content-Type": "application/x-www-form-urlencoded"}, body)


def test_a_form_brings_the_same_as_json() -> None:
    form = urlencode({"payload": '{"repository": {"full_name": "acme/web"}}'}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "X-GitHub-Event": "push"}
    assert named_places("github", headers, form) == ["acme/web"]


def test_a_flood_of_names_is_refused() -> None:
    events = {"events": [{"target": {"repository": f"a/b{n}"}} for n in range(2_000)]}
    with pytest.raises(InvalidInput, match="at most"):
        named_places("distribution", {}, json.dumps(events).encode())
