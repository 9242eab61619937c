"""The generic form, for a maintainer's own programs, and the first URL (``registry``), which takes distribution's too. PURE."""

import hashlib
from typing import Any

from control_plane.upstreams.webhooks import distribution, places, proofs
from control_plane.upstreams.webhooks.content import at, rows, text
from control_plane.upstreams.webhooks.vendor import Call, Vendor

WANTED = 'a place such as {"repository": "ghcr.io/…"} or {"repositories": ["https://charts.example.com", …]}'


def named(content: Any) -> set[str]:
    """Return the places in ``repository`` and ``repositories``."""
    listed = [one for one in rows(at(content, "repositories")) if isinstance(one, str)]
    return set().union(*(places.anything(one) for one in (text(content, "repository"), *listed)))


def _names(call: Call, content: Any) -> set[str]:
    del call
    return named(content)


def _delivery(call: Call, content: Any) -> str:
    """A signed time makes each signature another one. Without it, saying the same twice is no repetition."""
    del content
    return "sha256:" + hashlib.sha256(proofs.signed(call)).hexdigest() if call.header("x-tidegate-timestamp") else ""


def _is_envelope(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("events"), list)


def _registry_names(call: Call, content: Any) -> set[str] | None:
    return distribution.names(call, content) if _is_envelope(content) else named(content)


def _registry_delivery(call: Call, content: Any) -> str:
    return distribution.delivery(call, content) if _is_envelope(content) else _delivery(call, content)


VENDORS = (
    Vendor(name="generic", proof=proofs.GENERIC, names=_names, wanted=WANTED, delivery=_delivery),
    Vendor(
        name="registry",
        proof=proofs.ANY_HEADER,
        names=_registry_names,
        wanted=f"events[].target.repository, or {WANTED}",
        delivery=_registry_delivery,
    ),
)
