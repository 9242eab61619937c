"""The registry API, as its clients' tests hold it."""

from typing import Any
from urllib.parse import urlsplit

import httpx2

from control_plane.domain.versions import platforms, references
from control_plane.upstreams import registry_auth, registry_protocol
from control_plane.upstreams.oci import RegistryClient
from tests.conformance.dialects.answering import Answer, Input
from tests.support.accounts import accounts, entry

HOST = "registry.example.com"


def list_tags_exchange(given: Input) -> dict[str, Any]:
    pages, asked = given["pages"], []

    def page(request: httpx2.Request) -> httpx2.Response:
        wanted = pages[len(asked)]
        asked.append(request.url.raw_path.decode())
        if len(asked) > 1 and asked[-1] != wanted["request"]:
            return httpx2.Response(404)
        link = {"Link": wanted["link"].format(scheme="https", host=HOST)} if wanted["link"] else {}
        body = {"content": wanted["body"]} if "body" in wanted else {"json": {"tags": wanted["tags"]}}
        return httpx2.Response(200, headers=link, **body)

    limits = {"page_size": given.get("page_size", 1_000), "max_pages": given.get("max_pages", 1_000)}
    name = urlsplit(pages[0]["request"]).path.removeprefix("/v2/").removesuffix("/tags/list")
    with RegistryClient(transport=httpx2.MockTransport(page), **limits) as client:
        return {"tags": client.tags(f"{HOST}/{name}"), "requests": len(asked)}


def manifest_head(given: Input) -> Any:
    headers = {name: value for name, value in given["headers"].items() if value is not None}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(given["status"], headers=headers))
    with RegistryClient(transport=transport) as client:
        return {"digest": client.head(f"{HOST}/name:tag")}


def manifest_digest(given: Input) -> dict[str, bool]:
    body = given["body"].encode() if given["body"] is not None else None
    registry_protocol.checked_manifest_digest(given["reference"], given["docker_content_digest"], body)
    return {"error": False}


def manifest_digest_verify(given: Input) -> dict[str, bool]:
    wanted = f"sha256:{registry_protocol.sha256_hex(b'asked for')}"
    asked = wanted if given["requested_by"] == "digest" else "tag"
    body = b"asked for" if given["body_matches_digest"] else b"another"
    registry_protocol.checked_manifest_digest(asked, None, body)
    return {"error": False}


def token_response(given: Input) -> dict[str, bool]:
    """Ask a registry whose token service answers as the case says, and wants to be asked as it says."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/token":
            assert request.url.params["service"] == given["service"]
            assert request.url.params["scope"] == "repository:name:pull"
            assert request.headers.get("Authorization", "").partition(" ")[0].lower() == (given["credentials"] or "")
            return httpx2.Response(200, json={given["json_key"]: "t"})
        if request.headers.get("Authorization") == "Bearer t":
            return httpx2.Response(200, json={"tags": []})
        challenge = f'Bearer realm="https://auth.example.com/token",service="{given["service"]}"'
        return httpx2.Response(401, headers={"WWW-Authenticate": challenge})

    known = accounts(entry(HOST)) if given["credentials"] else accounts()
    with RegistryClient(transport=httpx2.MockTransport(answer), accounts=known) as client:
        client.tags(f"{HOST}/name")
    return {"error": False}


def challenge(given: Input) -> dict[str, Any]:
    """ORAS looks at what a bearer challenge says, and at nothing else's."""
    read = registry_auth.parse_challenge(given["header"])
    return {"scheme": read.scheme, "params": read.params if read.scheme == "bearer" else {}}


def redacted(given: Input) -> dict[str, str]:
    return {"message": registry_protocol.without_secrets(given["url"])}


def ping(given: Input) -> dict[str, Any]:
    asked = registry_auth.answer_to_ping(given["status"], given["www_authenticate"])
    return {"scheme": asked.scheme, "params": len(asked.params)}


def select_platform(given: Input) -> str:
    found = platforms.select(given["manifests"], platforms.Platform.of(given["platform"]))
    if found is None:
        raise ValueError("no manifest for the platform")
    return found


def retried(plan: registry_protocol.RetryPlan, outcomes: list[int | str]) -> int:
    """Return how many requests are sent where each is answered by the next outcome: a status or what the network says."""
    for attempt, outcome in enumerate(outcomes):
        again = registry_protocol.is_retryable(outcome) if isinstance(outcome, int) else "temporary" in outcome
        if plan.wait(attempt, again=again, share=0.5) is None:
            return attempt + 1
    return len(outcomes)


def retry_request(given: Input) -> dict[str, int]:
    plan = registry_protocol.RetryPlan(retries=given["max_retry"])
    outcomes = [*[given["fail_status"]] * given["fail_times"], 200]
    sent = retried(plan, outcomes)
    return {"requests": sent, "final_status": outcomes[sent - 1]}


def retry_backoff(given: Input) -> dict[str, float]:
    plan = registry_protocol.RetryPlan()
    waits = (
        [plan.wait(given["attempt"], again=True, share=share) for share in (0.0, 1.0)] if given["attempt"] < 5 else []
    )
    base = plan.backoff(given["attempt"])
    assert all(wait is not None and abs(wait - base) <= base * plan.jitter + 1e-9 for wait in waits)
    return {"base_ms": base * 1_000, "jitter": plan.jitter}


REGISTRY: dict[str, Answer] = {
    "link_next": lambda given: {"next": registry_protocol.next_page(given["request_url"], given["link_header"])},
    "www_authenticate_parse": challenge,
    "manifest_digest_header": manifest_digest,
    "manifest_digest_verify": manifest_digest_verify,
    "list_tags_exchange": list_tags_exchange,
    "manifest_head": manifest_head,
    "token_response": token_response,
    "token_realm_allowed": lambda given: registry_auth.is_realm_allowed(
        given["realm"], given["registry_host"], insecure=given["insecure"]
    ),
    "error_is_temporary": lambda given: registry_protocol.is_temporary(given["errors"], given.get("status") or 0),
    "error_parse": lambda given: {
        "status": given["status"],
        "codes": registry_protocol.error_codes(given["body"].encode()),
    },
    "error_redacts_url": redacted,
    "ping": ping,
    "scopes_clean": lambda given: registry_auth.clean_scopes(given["scopes"] or []) or None,
    "scope_for_repository": lambda given: registry_auth.repository_scope(given["repository"], given["actions"] or []),
    "foreign_url_allowed": lambda given: registry_auth.is_foreign_url_allowed(given["url"], insecure=given["insecure"]),
    "index_select_platform": select_platform,
    "platform_matches": lambda given: platforms.matches(
        platforms.Platform.of(given["given"]), platforms.Platform.of(given["required"])
    ),
    "retry_request": retry_request,
    "retry_backoff": retry_backoff,
    "retry_count": lambda given: {
        "requests": retried(registry_protocol.RetryPlan(retries=given["max_attempts"] - 1), given["outcomes"])
    },
    "error_code_known": lambda given: given["code"] in registry_protocol.KNOWN_CODES,
    "repository_name_valid": lambda given: references.is_path(given["name"]),
    "tag_valid": lambda given: references.is_tag(given["tag"]),
}

ANSWERS: dict[str, dict[str, Answer]] = {"registry-api": REGISTRY}
