"""CNCF distribution's notifications: an envelope of events, each with a target. PURE.

Pulls are of no interest: our own looks are pulls, and would call for the next look.
"""

from typing import Any

from control_plane.domain.versions import references
from control_plane.upstreams.webhooks import places, proofs
from control_plane.upstreams.webhooks.content import delivery_name, rows, text
from control_plane.upstreams.webhooks.vendor import Call, Vendor

CHANGES = frozenset({"push", "mount", "delete", ""})


def names(call: Call, content: Any) -> set[str] | None:
    """Return the repositories of an envelope."""
    del call
    events = rows(content.get("events")) if isinstance(content, dict) else []
    telling = [event for event in events if text(event, "action") in CHANGES]
    if events and not telling:
        return None
    return set().union(*(target(event) for event in telling))


def target(event: Any) -> set[str]:
    """Return the repository of one event: a registry knows itself by the host of the very request, which need not be ours."""
    repository, host = text(event, "target.repository"), text(event, "request.host")
    if not host:
        return places.image(repository)
    return places.image(repository, host) | ({repository} if references.is_path(repository) else set())


def delivery(call: Call, content: Any) -> str:
    """Return one name for the events' own; a registry repeats an envelope as it was."""
    del call
    events = rows(content.get("events")) if isinstance(content, dict) else []
    return delivery_name(*(text(event, "id") for event in events))


VENDORS = (
    Vendor(
        name="distribution",
        proof=proofs.TOKEN,
        names=names,
        wanted="events[].target.repository",
        delivery=delivery,
    ),
)
