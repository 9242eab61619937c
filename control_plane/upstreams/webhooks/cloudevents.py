"""CloudEvents 1.0 over HTTP: structured, batched, and binary (attributes in ``ce-`` headers). PURE.

Their data is anybody's. A repository is looked for where Harbor, Azure, zot, CDEvents and the generic form have it.
"""

import base64
import binascii
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from control_plane.domain.errors import InvalidInput
from control_plane.upstreams.webhooks import distribution, generic, places, proofs, registries
from control_plane.upstreams.webhooks.content import at, delivery_name, json_of, rows, text
from control_plane.upstreams.webhooks.vendor import Call, Vendor

ATTRIBUTES = ("specversion", "id", "source", "type")
OCI_PACKAGE = "pkg:oci/"


def _events(call: Call, content: Any) -> list[Any]:
    """Return events as in structured mode. Raises ``InvalidInput`` naming the attribute that is missing."""
    is_structured = call.header("content-type").lower().startswith("application/cloudevents")
    if call.header("ce-specversion") and not is_structured:
        events = [_of_headers(call, content)]
    else:
        events = content if isinstance(content, list) else [content]
    missing = sorted({name for event in events for name in ATTRIBUTES if not text(event, name)})
    if missing:
        raise InvalidInput(f"the CloudEvent has no attribute {missing[0]}", code="webhook_body")
    return events


def _of_headers(call: Call, data: Any) -> dict[str, Any]:
    attributes = {name: unquote(call.header(f"ce-{name}")) for name in (*ATTRIBUTES, "subject")}
    return {**attributes, "data": data}


def _names(call: Call, content: Any) -> set[str]:
    return set().union(*(_named_by(event) for event in _events(call, content)))


def _named_by(event: Any) -> set[str]:
    data = _data(event)
    full = [places.image(text(one, "resource_url")) for one in rows(at(data, "resources"))]
    found = registries.replicated(data).union(
        *full, distribution.target(data), generic.named(data), _package(text(data, "subject.id"))
    )
    return found or places.image(text(data, "repository.repo_full_name", "name"))


def _data(event: Any) -> Any:
    encoded = text(event, "data_base64")
    if not encoded:
        return at(event, "data")
    try:
        return json_of(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        raise InvalidInput("the CloudEvent's data_base64 is no base64", code="webhook_body") from None


def _package(subject: str) -> set[str]:
    """CDEvents name an artifact by its package URL: ``pkg:oci/web@sha256:…?repository_url=ghcr.io/acme/web``."""
    if not subject.startswith(OCI_PACKAGE):
        return set()
    told = parse_qs(urlsplit(subject).query).get("repository_url", [""])
    return places.image(told[0])


def _delivery(call: Call, content: Any) -> str:
    return delivery_name(*(part for event in _events(call, content) for part in (event["source"], event["id"])))


VENDORS = (
    Vendor(
        name="cloudevents",
        proof=proofs.any_of(proofs.ANY_HEADER, proofs.in_url),
        names=_names,
        wanted='data such as {"repository": "ghcr.io/…"}',
        delivery=_delivery,
        consents=True,
    ),
)
