"""Which account is used where. PURE.

An application's own wins, then the one of the longest path, then the host's; among equals the order of the origins they come from
counts. An account is for its host alone. A path is matched by whole parts: ``acme`` is not ``acme-labs``.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, Protocol, TypeVar

import msgspec

Kind = Literal["password", "token", "identity", "ssh-key"]
"""``password``: user and password · ``token``: an access token without a user · ``identity``: a refresh token of a registry's
token service · ``ssh-key``: a private key."""

Use = Literal["registry", "web", "ssh"]
FITS: dict[Use, frozenset[Kind]] = {
    "registry": frozenset({"password", "token", "identity"}),
    "web": frozenset({"password", "token"}),
    "ssh": frozenset({"ssh-key"}),
}
HUB = "docker.io"
_HUB_NAMES = frozenset({"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
USED = "used"


class Scope(msgspec.Struct, frozen=True):
    """Where an account is for: a host (``ghcr.io``, with its port where that is unusual), perhaps a path below, one application."""

    host: str
    path: str = ""
    application: str = ""

    @property
    def place(self) -> str:
        """Host and path, as people write them."""
        return f"{self.host}/{self.path}" if self.path else self.host

    def refusal(self, host: str, path: str, application: str) -> str:
        """Say why it does not serve there, nothing where it does."""
        if self.host != host:
            return f"it is for another host, {self.host}"
        if self.path and path != self.path and not path.startswith(f"{self.path}/"):
            return f"it is for what is below {self.place}"
        if self.application not in {"", application}:
            return f"it is the application {self.application}'s own"
        return ""


class Claim(Protocol):
    """Something that says where it is for."""

    @property
    def scope(self) -> Scope:
        """Where."""


C = TypeVar("C", bound=Claim)


def usual_host(host: str) -> str:
    """Return a host by the name that references use: Docker Hub has many, and nobody writes the usual port."""
    host = host.lower().removesuffix(":443")
    return HUB if host in _HUB_NAMES else host


def scope_of(place: str, application: str = "") -> Scope:
    """Read ``host`` or ``host/path`` (without a scheme)."""
    host, _, path = place.strip("/").partition("/")
    return Scope(usual_host(host), path.removesuffix(".git"), application)


def in_order(claims: Iterable[C], host: str, path: str, application: str) -> list[C]:
    """Return the claims that serve there, the one to use first. ``claims`` come in the order of their origins."""
    serving = [claim for claim in claims if not claim.scope.refusal(host, path, application)]
    return sorted(serving, key=lambda claim: _distance(claim.scope))


def owner(claims: Iterable[Claim], host: str, path: str, application: str) -> str:
    """Return ``application`` where an account of its own serves there, else nothing.

    What one application's account lets it see is kept apart from what others see.
    """
    own = (claim for claim in claims if claim.scope.application)
    return application if in_order(own, host, path, application) else ""


def verdicts(claims: Sequence[Claim], used: Claim | None, host: str, path: str, application: str) -> list[str]:
    """Say of each claim that it is ``USED``, or why it is not."""
    return [USED if claim is used else _why_not(claim.scope, used, host, path, application) for claim in claims]


def _why_not(scope: Scope, used: Claim | None, host: str, path: str, application: str) -> str:
    if refusal := scope.refusal(host, path, application):
        return refusal
    if used is None or _distance(scope) < _distance(used.scope):
        return "it has no account that can be used there"
    if scope.application != used.scope.application:
        return f"the application {application} has one of its own"
    return (
        "another is for a longer path"
        if scope.path != used.scope.path
        else "another comes first in the order of origins"
    )


def _distance(scope: Scope) -> tuple[bool, int]:
    return not scope.application, -len(scope.path)
