"""Every case of every dialect that we claim. The cases are facts from other projects' own tests.

``DIALECTS`` says which of our functions answers which operation; one missing there is not supported, for the reason in
``NOT_SUPPORTED``. A ``ValueError`` is a refusal.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from control_plane.domain.errors import TidegateError
from control_plane.domain.versions import helm, ranges, references, semver
from control_plane.upstreams import registry_auth, registry_protocol
from control_plane.upstreams.oci import RegistryClient

Input = dict[str, Any]
Answer = Callable[[Input], Any]


def valid(read: Callable[[str], object], text: str) -> dict[str, bool]:
    try:
        read(text)
    except ValueError:
        return {"valid": False}
    return {"valid": True}


def is_accepted(read: Callable[[str], object], text: str) -> bool:
    return valid(read, text)["valid"]


def constraint_check(given: Input) -> bool:
    accepted = ranges.parse_range(given["constraint"])
    return accepted.contains(semver.parse(given["version"]), include_prereleases=given["include_prerelease"])


def version_compare(given: Input) -> int:
    a, b = semver.parse(given["a"]), semver.parse(given["b"])
    return (a > b) - (a < b)


def version_increment(given: Input) -> dict[str, str]:
    version = semver.bumped(semver.parse(given["version"]), given["part"])
    return {"normalized": str(version), "original_style": version.original}


def parsed(reference: references.Reference) -> dict[str, str]:
    return {
        "domain": reference.domain,
        "repository": reference.repository,
        "tag": reference.tag,
        "digest": reference.digest,
    }


def chart_reference(given: Input) -> dict[str, str]:
    reference = helm.split_chart_reference(given["reference"])
    return {
        "registry": reference.domain,
        "repository": reference.path,
        "tag": reference.tag,
        "digest": reference.digest,
    }


def domain_and_path(reference: references.Reference) -> dict[str, str]:
    return {"domain": reference.domain, "path": reference.path}


def split_domain(given: Input) -> dict[str, str]:
    if given["normalize"]:
        return dict(zip(("domain", "path"), references.split_domain(given["name"]), strict=True))
    return domain_and_path(references.parse(given["name"]))


def normalised(given: Input) -> dict[str, str]:
    reference = references.normalise(given["name"])
    return {**domain_and_path(reference), "familiar": reference.familiar, "full": reference.repository}


def any_normalised(given: Input) -> str:
    text = given["reference"]
    if references.is_identifier(text):
        return f"sha256:{text}"
    return text if is_accepted(references.checked_digest, text) else str(references.normalise(text))


MASTERMINDS: dict[str, Answer] = {
    "constraint_check": constraint_check,
    "constraint_parse": lambda given: valid(ranges.parse_range, given["constraint"]),
    "version_parse": lambda given: valid(
        semver.parse_strict if given["mode"] == "strict" else semver.parse, given["version"]
    ),
    "version_normalize": lambda given: str(semver.parse(given["version"])),
    "version_compare": version_compare,
    "version_greater_than": lambda given: semver.parse(given["a"]) > semver.parse(given["b"]),
    "version_increment": version_increment,
    "version_sort_asc": lambda given: [str(version) for version in sorted(map(semver.parse, given["versions"]))],
}

HELM: dict[str, Answer] = {
    "constraint_check": constraint_check,
    "is_version_range": lambda given: helm.is_range(given["text"]),
    "oci_tag_select": lambda given: {"tag": helm.first_match(given["tags"], given["version"])},
    "index_first": lambda given: helm.newest_first(given["versions"])[0],
    "index_get": lambda given: helm.first_match(helm.newest_first(given["versions"]), given["version"]),
    "chart_reference_parse": chart_reference,
}

REFERENCES: dict[str, Answer] = {
    "reference_parse": lambda given: parsed(references.parse(given["reference"])),
    "reference_parse_canonical_only": lambda given: domain_and_path(references.canonical(given["reference"])),
    "reference_split_domain": split_domain,
    "reference_format": lambda given: references.format_reference(
        given["name"], tag=given["tag"], digest=given["digest"]
    ),
    "name_valid": lambda given: valid(references.parse, given["name"]),
    "normalized_name_valid": lambda given: is_accepted(references.normalise, given["name"]),
    "reference_normalize": normalised,
    "reference_any_normalize": any_normalised,
    "reference_docker_ref": lambda given: str(references.docker_reference(given["reference"])),
    "domain_valid": lambda given: references.is_domain(given["domain"]),
    "identifier_valid": lambda given: references.is_identifier(given["identifier"]),
}

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

DIALECTS: dict[str, dict[str, Answer]] = {
    "masterminds-semver": MASTERMINDS,
    "helm-version-select": HELM,
    "distribution-reference": REFERENCES,
    "registry-api": REGISTRY,
    "ggcr-name": {"registry_default_scheme": lambda given: registry_auth.default_scheme(given["registry"])},
}

ONE_REFERENCE_DIALECT = "references are read by distribution/reference alone, which Docker and Kubernetes follow"
NOT_SUPPORTED: dict[str, str] = {
    "argocd-image-updater": "Argo CD Image Updater's strategies are not offered as a policy yet",
    "flux-imagepolicy": "Flux image policies are not offered as a policy yet",
    "flux1-tagpattern-image": "Flux v1 tag patterns are not offered as a policy yet",
    "k8supdater-frontier": "K8sUpdater's frontier is not offered as a policy yet",
    "keel-policy": "Keel policies are not offered as a policy yet",
    "packaging-pep440": "PEP 440 is not offered as a version scheme yet",
    "ggcr-name": ONE_REFERENCE_DIALECT,
    "oras-reference": ONE_REFERENCE_DIALECT,
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

REFUSED = object()


def test_case(dialect: str, case: dict[str, Any]) -> None:
    answer = DIALECTS.get(dialect, {}).get(case["op"])
    if answer is None:
        pytest.skip(
            NOT_SUPPORTED.get(f"{dialect}/{case['op']}")
            or NOT_SUPPORTED.get(dialect)
            or f"no answer to {case['op']} yet"
        )
    try:
        actual = answer(case["input"])
    except (ValueError, TidegateError):
        actual = REFUSED
    check(actual, case["expected"])


def check(actual: Any, expected: Any) -> None:
    """Of a refusal only the fact counts; ``valid`` says it in its own way."""
    if not isinstance(expected, dict):
        assert actual == expected
    elif "valid" in expected:
        assert actual == {"valid": expected["valid"]}
    elif "next_or_error" in expected:
        assert actual in (REFUSED, {"next": None})
    elif "message_contains" in expected:
        assert expected["message_contains"] in actual["message_contains"]
        assert expected["message_lacks"] not in actual["message_lacks"]
    else:
        assert actual == (REFUSED if expected.get("error") else expected)
