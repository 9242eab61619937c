"""The names of published files and roles, how long each role lives, and when it is renewed.

metadata/timestamp.json                          the only file that is ever replaced; written last
metadata/N.ROLE.json                             root, targets, snapshot, rollouts and one role for each channel
targets/channels/CHANNEL/SHA256.manifest.json    what a channel wants
targets/rollouts/CHANNEL/SHA256.rollout.json     who may take it now
artifacts/sha256-HEX.tgz                         a packed chart, named by the hash of its bytes (see ``artifacts``)
"""

import re
from datetime import datetime, timedelta

from control_plane.domain.errors import InvalidInput

ROLLOUTS = "rollouts"
ARTIFACTS = "artifacts"
CHANNEL_PATTERN = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
RESERVED = frozenset({"root", "targets", "snapshot", "timestamp", ROLLOUTS})

DAY = timedelta(days=1)
CHANNEL_LIFETIME = 365 * DAY
LIFETIMES = {
    "root": 365 * DAY,
    "targets": 365 * DAY,
    "snapshot": 7 * DAY,
    "timestamp": 1 * DAY,
    ROLLOUTS: 7 * DAY,
}
# How much of the life is left when a role is renewed: half, or a quarter of a year where a person may be needed.
RENEWAL_MARGIN_MAXIMUM = 90 * DAY


def check_channel_name(name: str) -> str:
    """Return ``name`` if a channel may have it, else raise ``InvalidInput`` that says why not."""
    if name in RESERVED:
        raise InvalidInput(
            f"a channel cannot be named {name!r}: the name belongs to a role of the repository", code="channel_name"
        )
    if not re.fullmatch(CHANNEL_PATTERN, name):
        raise InvalidInput(
            f"{name[:80]!r} is no channel name: use lower-case letters, digits and inner hyphens, at most 63 characters",
            code="channel_name",
        )
    return name


def manifest_target(channel: str) -> str:
    """Return the TUF target path of a channel's manifest."""
    return f"channels/{channel}/manifest.json"


def rollout_target(channel: str) -> str:
    """Return the TUF target path of a channel's rollout."""
    return f"rollouts/{channel}/rollout.json"


def target_file(target_path: str, sha256: str) -> str:
    """Return the storage name of a target: its content's hash stands before its base name."""
    folder, _, base = target_path.rpartition("/")
    return f"targets/{folder}/{sha256}.{base}"


def role_file(role: str, version: int) -> str:
    """Return the storage name of one version of a role's metadata."""
    return "metadata/timestamp.json" if role == "timestamp" else f"metadata/{version}.{role}.json"


def lifetime(role: str) -> timedelta:
    """Return how long a freshly signed ``role`` is valid; unknown roles are channels."""
    return LIFETIMES.get(role, CHANNEL_LIFETIME)


def due_for_renewal(role: str, expires: datetime, now: datetime) -> bool:
    """True from the moment on when ``role`` should be signed again."""
    return expires - now <= min(lifetime(role) / 2, RENEWAL_MARGIN_MAXIMUM)


def next_version(previous: int, now: datetime) -> int:
    """Return the version that follows: seconds since 1970, or one more than ``previous`` where that is greater.

    Versions taken from the clock go on growing after every file has been lost or an older one was put back, with
    nothing else to remember. (Root and targets count by ones: their files are kept beside the keys.)
    """
    return max(previous + 1, int(now.timestamp()))
