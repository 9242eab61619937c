"""Who may do what: four roles, each includes the ones before it.

| role       | may                                                             |
|------------|-----------------------------------------------------------------|
| viewer     | read every page                                                 |
| approver   | approve and reject promotions                                   |
| maintainer | declare applications, add clusters, requeue, recall, halt       |
| admin      | manage people and their tokens                                  |
"""

from enum import StrEnum


class Role(StrEnum):
    """A person's role."""

    VIEWER = "viewer"
    APPROVER = "approver"
    MAINTAINER = "maintainer"
    ADMIN = "admin"


MAY = {
    Role.VIEWER: "reads every page",
    Role.APPROVER: "also approves and rejects promotions",
    Role.MAINTAINER: "also declares applications, adds clusters, rehearses again, recalls and halts",
    Role.ADMIN: "also manages people and their tokens",
}
_RANK = {role: rank for rank, role in enumerate(Role)}


def allows(role: str, needed: Role) -> bool:
    """Say whether ``role`` includes ``needed``. An unknown role allows nothing."""
    return role in _RANK and _RANK[Role(role)] >= _RANK[needed]
