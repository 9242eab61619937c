"""Azure Container Registry: its own webhooks, and Event Grid's events in both their forms with both their handshakes. PURE."""

from typing import Any

from control_plane.upstreams.webhooks import places, proofs
from control_plane.upstreams.webhooks.content import at, delivery_name, rows, text
from control_plane.upstreams.webhooks.vendor import Call, Vendor

CHANGES = frozenset({"push", "delete", "chart_push", "chart_delete"})
VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
MAX_CODE = 200


def _events(content: Any) -> list[Any]:
    """Event Grid sends a list, CloudEvents and the registry itself send one."""
    return rows(content) or [content]


def _names(call: Call, content: Any) -> set[str] | None:
    del call
    told = [at(event, "data") or event for event in _events(content)]
    telling = [one for one in told if text(one, "action") in CHANGES]
    if not telling and any(text(one, "action") for one in told):
        return None
    return set().union(*(places.image(text(one, "target.repository"), text(one, "request.host")) for one in telling))


def _delivery(call: Call, content: Any) -> str:
    del call
    return delivery_name(*(text(event, "id") for event in _events(content)))


def _answer(call: Call, content: Any) -> dict[str, str] | None:
    """Give Event Grid's code back: that is how it learns that its events are wanted here."""
    del call
    for event in _events(content):
        code = text(event, "data.validationCode")
        if text(event, "eventType") == VALIDATION and 0 < len(code) <= MAX_CODE:
            return {"validationResponse": code}
    return None


VENDORS = (
    Vendor(
        name="azure",
        proof=proofs.any_of(proofs.TOKEN, proofs.in_url),
        names=_names,
        wanted="target.repository and request.host",
        delivery=_delivery,
        answer=_answer,
        consents=True,
    ),
)
