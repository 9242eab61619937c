"""What a registry's notification may make us do: look at the repositories it names, at once. PURE.

Its content is never believed. It is read only when its secret is right, and only for repository names.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from typing import Any

from control_plane.domain.errors import InvalidInput
from control_plane.domain.versions import references
from control_plane.domain.versions.references import InvalidReference

MAX_REPOSITORIES = 200


def secret_matches(secret: str, *, headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether a request knows ``secret``: as bearer token, in ``X-Tidegate-Token``, or as HMAC-SHA256 of the body.

    Takes the same time whatever is wrong with it. An empty secret matches nothing.
    """
    if not secret:
        return False
    sent = {name.lower(): value for name, value in headers.items()}
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    proofs = (
        (sent.get("authorization", ""), f"Bearer {secret}"),
        (sent.get("x-tidegate-token", ""), secret),
        (sent.get("x-hub-signature-256", ""), f"sha256={signature}"),
    )
    return sum(hmac.compare_digest(given.encode(), wanted.encode()) for given, wanted in proofs) > 0


def named_repositories(body: bytes) -> list[str]:
    """Return the repositories that a notification names, sorted.

    A name is returned in full (``docker.io/library/nginx``). A registry that tells only the path, as CNCF distribution does,
    is known by its ``host``; without one the bare path is returned, for any registry. Raises ``InvalidInput``.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidInput("the notification is no JSON", code="webhook_body") from None
    found: set[str] = set()
    for name in _names(content):
        found |= _readable(name)
        if len(found) > MAX_REPOSITORIES:
            raise InvalidInput(f"a notification names at most {MAX_REPOSITORIES} repositories", code="webhook_body")
    if not found:
        raise InvalidInput('no repository in the notification: send {"repository": "ghcr.io/…"}', code="webhook_body")
    return sorted(found)


def _names(content: Any) -> Iterator[tuple[str, str]]:
    """Yield (host, repository) of a distribution envelope, or of the generic form."""
    if not isinstance(content, dict):
        return
    events = content.get("events")
    for event in events if isinstance(events, list) else [content]:
        if not isinstance(event, dict):
            continue
        target, request = event.get("target"), event.get("request")
        name = target.get("repository") if isinstance(target, dict) else event.get("repository")
        host = request.get("host") if isinstance(request, dict) else ""
        if isinstance(name, str):
            yield (host if isinstance(host, str) else "", name)


def _readable(name: tuple[str, str]) -> set[str]:
    host, repository = name
    try:
        if host:
            return {references.parse(f"{host}/{repository}").repository, references.parse(repository).repository}
        reference = references.parse(repository)
    except InvalidReference:
        return set()
    return {reference.repository, references.normalise(repository).repository}
