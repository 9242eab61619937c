"""Approvals: one person, one role, one digest. Granted or revoked, never edited.

An approval counts for the very digest that it names and for no other; two by the same person count once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

APPROVING_ROLES = frozenset({"approver", "maintainer", "admin"})


@dataclass(frozen=True, slots=True)
class Grant:
    """``actor`` agreed, as ``role``, to the release with ``digest``; ``revoked_at`` is None while it holds."""

    actor: str
    role: str
    digest: str
    granted_at: datetime
    revoked_at: datetime | None = None


def counting(grants: Iterable[Grant], digest: str) -> tuple[Grant, ...]:
    """Return the grants that count for ``digest``: the first that holds of each person, oldest first."""
    by_actor: dict[str, Grant] = {}
    for grant in sorted(grants, key=lambda grant: grant.granted_at):
        if grant.revoked_at is None and grant.digest == digest and grant.role in APPROVING_ROLES:
            by_actor.setdefault(grant.actor, grant)
    return tuple(by_actor.values())


def missing(grants: Iterable[Grant], digest: str, needed: int) -> int:
    """Return how many more people have to agree."""
    return max(0, needed - len(counting(grants, digest)))
