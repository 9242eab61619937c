"""What the distribution specification asks of servers, held against the small registry that the other tests trust."""

from typing import Any

import httpx2

from tests.conformance.dialects.answering import Answer, Input, Unsupported
from tests.support.small_registry import SmallRegistry, serving

NAME, UNKNOWN = "acme/job", f"sha256:{'0' * 64}"
METHODS = {"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"}


def list_tags_server(given: Input) -> dict[str, Any]:
    registry = SmallRegistry()
    for tag in given["repository_tags"]:
        registry.push_image(NAME, tag)
    query = {name: given[name] for name in ("n", "last") if given.get(name) is not None}
    with serving(registry):
        answer = httpx2.get(f"{registry.url}/v2/{NAME}/tags/list", params=query)
    return {"tags": answer.json()["tags"], "link": "link" in answer.headers}


def server_status(given: Input) -> dict[str, Any]:
    """Ask what a sentence such as ``HEAD manifest, exists`` says; return the status and what else cases are about."""
    asked, _, condition = given["request"].partition(", ")
    is_private = condition in {"unauthorized", "unauthenticated", "no credentials", "token missing"}
    registry = SmallRegistry(limited=int(condition == "rate limited"), accounts={"": ("a", "b")} if is_private else {})
    registry.push_image(NAME, "1")
    method, path = _request(asked, condition, next(iter(registry.repositories[NAME].blobs)))
    with serving(registry):
        answer = httpx2.request(method, registry.url + path)
    is_error = answer.status_code >= 400 and method != "HEAD"
    return {
        "status": answer.status_code,
        "headers": [name.title() for name in answer.headers],
        "error_code": answer.json()["errors"][0]["code"] if is_error else "",
        "header_should": "Retry-After" if "retry-after" in answer.headers else "",
    }


def _request(asked: str, condition: str, blob: str) -> tuple[str, str]:
    method, _, what = asked.partition(" ")
    if what in {"", "/v2/", "base", "ping"}:
        return ("GET" if method == "any" else method), "/v2/"
    name = "acme/none" if condition == "repository unknown" else NAME
    is_there = not condition.endswith("unknown")
    paths = {
        "manifest": f"manifests/{'1' if is_there else 'none'}",
        "blob": f"blobs/{blob if is_there else UNKNOWN}",
        "tags": "tags/list",
        "referrers": f"referrers/{UNKNOWN}",
    }
    if method not in METHODS or what not in paths:
        raise Unsupported(f"server_status: nobody here knows what {asked!r} asks")
    return method, f"/v2/{name}/{paths[what]}"


ANSWERS: dict[str, dict[str, Answer]] = {
    "registry-api": {"server_status": server_status, "list_tags_server": list_tags_server}
}
