"""The registry API, as its clients' tests hold it."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from control_plane.domain.versions import references
from control_plane.upstreams import registry_auth, registry_protocol
from control_plane.upstreams.oci import RegistryClient
from tests.conformance.dialects.answering import Answer, Input

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
    body = b"asked for" if given["body_matches_digest"] else b"another"
    registry_protocol.checked_manifest_digest(f"sha256:{registry_protocol.sha256_hex(b'asked for')}", None, body)
    return {"error": False}


def token_response(given: Input) -> dict[str, bool]:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/token":
            assert request.url.params["service"] == given["service"]
            return httpx2.Response(200, json={given["json_key"]: "t"})
        if request.headers.get("Authorization") == "Bearer t":
            return httpx2.Response(200, json={"tags": []})
        challenge = f'Bearer realm="https://auth.example.com/token",service="{given["service"]}"'
        return httpx2.Response(401, headers={"WWW-Authenticate": challenge})

    with RegistryClient(transport=httpx2.MockTransport(answer), docker_config=Path("none")) as client:
        client.tags(f"{HOST}/name")
    return {"error": False}


def challenge(given: Input) -> dict[str, Any]:
    parsed_header = registry_auth.parse_challenge(given["header"])
    return {"scheme": parsed_header.scheme, "params": parsed_header.params}


def redacted(given: Input) -> dict[str, str]:
    message = registry_protocol.without_secrets(given["url"])
    return {"message_contains": message, "message_lacks": message}


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
    "error_is_temporary": lambda given: registry_protocol.is_temporary(given["errors"]),
    "error_parse": lambda given: {
        "status": given["status"],
        "codes": registry_protocol.error_codes(given["body"].encode()),
    },
    "error_redacts_url": redacted,
    "repository_name_valid": lambda given: references.is_path(given["name"]),
    "tag_valid": lambda given: references.is_tag(given["tag"]),
}

ANSWERS: dict[str, dict[str, Answer]] = {"registry-api": REGISTRY}

NOT_SUPPORTED: dict[str, str] = {
    "registry-api/ping": "a registry is not pinged: the request itself is challenged",
    "registry-api/scopes_clean": "a token is for one repository and pull alone",
    "registry-api/scope_for_repository": "a token is for one repository and pull alone",
    "registry-api/foreign_url_allowed": "layers are not fetched, foreign ones neither",
    "registry-api/index_select_platform": "an index is pinned as a whole",
    "registry-api/platform_matches": "an index is pinned as a whole",
    **dict.fromkeys(
        ("registry-api/retry_request", "registry-api/retry_backoff", "registry-api/retry_count"),
        "the client asks once: when to ask again is the schedule's decision",
    ),
    **dict.fromkeys(
        ("registry-api/server_status", "registry-api/list_tags_server", "registry-api/error_code_known"),
        "a rule for servers: Tidegate is a client",
    ),
}
