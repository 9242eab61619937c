"""What a vendor's file says about it: how its webhooks prove themselves, and where in them the names are. PURE."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``headers`` have lower-case names; ``url_secret`` is what came behind the vendor's name; ``now`` in Unix seconds."""

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    url_secret: str = field(default="", repr=False)
    now: float = 0.0

    def header(self, *names: str) -> str:
        """Return the first of the headers ``names`` that is there, else an empty text."""
        return next((self.headers[name] for name in names if name in self.headers), "")


Proof = Callable[[str, Call], bool]
"""Says whether a call knows one secret; takes the same time whatever is wrong."""

Names = Callable[[Call, Any], Iterable[str] | None]
"""Returns the places in a call's content; None where it tells nothing of versions (a ping, a star, a pull)."""


def no_delivery(call: Call, content: Any) -> str:
    """The vendor gives its deliveries no name."""
    del call, content
    return ""


def no_answer(call: Call, content: Any) -> dict[str, str] | None:
    """The vendor asks nothing back."""
    del call, content
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """One row of the table. ``wanted`` says in words what a webhook must have that names no place.

    ``delivery`` returns the delivery's name or an empty text. ``answer`` returns what a handshake in a body is answered with.
    ``consents``: it asks by OPTIONS whether it may send (CloudEvents' abuse protection).
    """

    name: str
    proof: Proof
    names: Names
    wanted: str
    delivery: Callable[[Call, Any], str] = no_delivery
    answer: Callable[[Call, Any], dict[str, str] | None] = no_answer
    consents: bool = False
