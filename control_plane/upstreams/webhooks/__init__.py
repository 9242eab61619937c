"""What a webhook may make us do: look at the places it names, at once. PURE.

Its vendor is named by its URL, never guessed. Its content is never believed: it is read only when its secret is right, and only
for names of places. One file per family of vendors; ``VENDORS`` is the table of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from control_plane.domain.errors import InvalidInput, NotFound
from control_plane.upstreams.webhooks import azure, cloudevents, distribution, forges, generic, proofs, registries
from control_plane.upstreams.webhooks.content import decoded
from control_plane.upstreams.webhooks.vendor import Call, Vendor

__all__ = [
    "MAX_PLACES",
    "VENDORS",
    "Call",
    "Reading",
    "Vendor",
    "call_of",
    "is_authentic",
    "named_places",
    "read",
    "vendor_named",
]

MAX_PLACES = 200
_FAMILIES = (forges, registries, azure, distribution, cloudevents, generic)
VENDORS: dict[str, Vendor] = {vendor.name: vendor for family in _FAMILIES for vendor in family.VENDORS}


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a webhook: places, its delivery's name ("": it has none), and what a handshake is answered with."""

    places: tuple[str, ...]
    delivery: str = ""
    answer: dict[str, str] | None = None


def vendor_named(name: str) -> Vendor:
    """Return the vendor. Raises ``NotFound`` with those that there are."""
    if name not in VENDORS:
        raise NotFound(f"no such kind of webhook: there are {', '.join(sorted(VENDORS))}", code="unknown_vendor")
    return VENDORS[name]


def call_of(headers: Mapping[str, str], body: bytes, *, url_secret: str = "", now: float = 0.0) -> Call:
    """Return the call; header names in any case."""
    return Call({name.lower(): value for name, value in headers.items()}, body, url_secret, now)


def is_authentic(vendor: Vendor, call: Call, secrets: Iterable[str]) -> bool:
    """Say whether ``call`` knows any of ``secrets`` in the vendor's own way. Takes the same time whatever is wrong with it."""
    return proofs.is_known(secrets, vendor.proof, call)


def read(vendor: Vendor, call: Call) -> Reading:
    """Read an authentic call. Raises ``InvalidInput`` that says what should have been there."""
    content = decoded(call)
    answer = vendor.answer(call, content)
    if answer is not None:
        return Reading((), answer=answer)
    return Reading(_places(vendor, vendor.names(call, content)), vendor.delivery(call, content))


def named_places(vendor: str, headers: Mapping[str, str], body: bytes) -> list[str]:
    """Return the places that a webhook names, sorted, as sources store them; none for pings and events without versions.

    OCI repositories are named in full (``docker.io/library/nginx``), and as a bare path where the registry tells only that or may
    know itself by another host; forges' repositories as ``owner/name`` and by their clone URLs. Raises ``InvalidInput``, ``NotFound``.
    """
    return list(read(vendor_named(vendor), call_of(headers, body)).places)


def _places(vendor: Vendor, found: Iterable[str] | None) -> tuple[str, ...]:
    if found is None:
        return ()
    places = sorted(found)
    if len(places) > MAX_PLACES:
        raise InvalidInput(f"a webhook names at most {MAX_PLACES} places", code="webhook_body")
    if not places:
        raise InvalidInput(f"the webhook names no place: {vendor.wanted} is expected", code="webhook_body")
    return tuple(places)
