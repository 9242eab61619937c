"""What the distribution specification asks of servers, held against the small registry that the other tests trust."""

from typing import Any

import httpx2

from tests.conformance.dialects.answering import Answer, Input
from tests.support.small_registry import SmallRegistry, serving

TOLD = ("Docker-Content-Digest", "Content-Length")


def list_tags_server(given: Input) -> dict[str, Any]:
    registry = SmallRegistry()
    for tag in given["repository_tags"]:
        registry.push_image("acme/job", tag)
    query = {name: given[name] for name in ("n", "last") if given.get(name) is not None}
    with serving(registry):
        answer = httpx2.get(f"{registry.url}/v2/acme/job/tags/list", params=query)
    return {"tags": answer.json()["tags"], "link": "link" in answer.headers}


def server_status(given: Input) -> Any:
    """Ask what a sentence such as ``HEAD manifest, exists`` says; the status, and with it what else the case is about."""
    asked, _, condition = given["request"].partition(", ")
    registry = SmallRegistry(limited=int(condition == "rate limited"))
    registry.push_image("acme/job", "1")
    digest = next(iter(registry.repositories["acme/job"].blobs)) if condition == "exists" else f"sha256:{'0' * 64}"
    with serving(registry):
        answer = httpx2.request(*_request(asked, condition, digest, registry.url))
    if condition == "rate limited":
        code = answer.json()["errors"][0]["code"]
        told = "Retry-After" if "retry-after" in answer.headers else ""
        return {"status": answer.status_code, "error_code": code, "header_should": told}
    if condition == "exists":
        return {"status": answer.status_code, "headers": [name for name in TOLD if name in answer.headers]}
    return answer.status_code


def _request(asked: str, condition: str, digest: str, url: str) -> tuple[str, str]:
    method, _, what = asked.partition(" ")
    name = "acme/none" if condition == "repository unknown" else "acme/job"
    is_there = condition == "exists"
    paths = {
        "manifest": f"manifests/{'1' if is_there else 'none'}",
        "blob": f"blobs/{digest}",
        "tags": "tags/list",
    }
    return ("GET", f"{url}/v2/") if method == "any" else (method, f"{url}/v2/{name}/{paths[what]}")


ANSWERS: dict[str, dict[str, Answer]] = {
    "registry-api": {"server_status": server_status, "list_tags_server": list_tags_server}
}
