"""The repository in words and figures, for pages and `tidegate doctor`: versions, expiries, keys, and what needs a person."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from cluster_agent.contract import sha256_hex
from control_plane.publishing.keys import KeyRing
from control_plane.publishing.layout import ROLLOUTS, due_for_renewal
from control_plane.publishing.storage import Storage
from control_plane.publishing.tree import Tree, damaged_targets


@dataclass(frozen=True, slots=True)
class RoleState:
    """One role. ``version`` and ``expires`` are None while it has not been published (or its file is damaged)."""

    name: str
    version: int | None
    expires: datetime | None
    key_ids: tuple[str, ...]
    threshold: int
    signed_online: bool


@dataclass(frozen=True, slots=True)
class ChannelState:
    """What a channel's role says: ``generation`` 0 before the first; ``manifest_sha256`` is hexadecimal."""

    name: str
    generation: int
    manifest_sha256: str | None


@dataclass(frozen=True, slots=True)
class RepositoryState:
    """Everything that pages show. ``warnings`` are sentences with the next step; ``damage`` names changed files."""

    roles: tuple[RoleState, ...]
    channels: tuple[ChannelState, ...]
    root_key_present: bool
    first_root_sha256: str
    warnings: tuple[str, ...]
    damage: tuple[str, ...]

    @property
    def online_roles(self) -> tuple[str, ...]:
        """Names of the roles that the control plane's own key signs, the channels among them."""
        return tuple(role.name for role in self.roles if role.signed_online)


def describe(storage: Storage, keys: KeyRing, tree: Tree | None, now: datetime) -> RepositoryState:
    """Return the state of the repository; of one that was never initialised, an empty one with a warning."""
    root_key_present = bool(keys.root_signers())
    if tree is None:
        return RepositoryState((), (), root_key_present, "", ("the repository has not been initialised",), ())
    roles = tuple(_roles(tree))
    damage = (
        *tree.damage,
        *(f"{name} is not what its role signed" for name in damaged_targets(storage, tree)),
        *(["metadata/timestamp.json is older than the newest snapshot beside it"] if tree.put_back else []),
    )
    return RepositoryState(
        roles=roles,
        channels=tuple(_channel(tree, name) for name in tree.delegated if name != ROLLOUTS),
        root_key_present=root_key_present,
        first_root_sha256=sha256_hex(keys.signed.read("1.root.json") or b""),
        warnings=tuple(_warnings(keys, roles, damage, now)),
        damage=damage,
    )


def _roles(tree: Tree) -> Iterator[RoleState]:
    online = set(tree.root.signed.roles["timestamp"].keyids)
    top: list[tuple[str, Metadata[Root] | Metadata[Targets] | Metadata[Snapshot] | Metadata[Timestamp] | None]] = [
        ("root", tree.root),
        ("targets", tree.targets),
        ("snapshot", tree.snapshot),
        ("timestamp", tree.timestamp),
    ]
    for name, metadata in [*top, *((name, tree.roles.get(name)) for name in tree.delegated)]:
        delegator = tree.targets.signed if name in tree.delegated else tree.root.signed
        role = delegator.get_delegated_role(name)
        yield RoleState(
            name=name,
            version=metadata.signed.version if metadata else None,
            expires=metadata.signed.expires if metadata else None,
            key_ids=tuple(role.keyids),
            threshold=role.threshold,
            signed_online=len(online & set(role.keyids)) >= role.threshold,
        )


def _channel(tree: Tree, name: str) -> ChannelState:
    target = tree.manifest(name)
    return ChannelState(name, tree.generation(name), target.hashes["sha256"] if target else None)


def _warnings(keys: KeyRing, roles: tuple[RoleState, ...], damage: tuple[str, ...], now: datetime) -> Iterator[str]:
    for role in roles:
        if role.expires and role.expires <= now:
            yield f"{role.name} expired on {role.expires:%Y-%m-%d %H:%M} UTC: clusters take nothing new until it is signed again"
        elif role.expires and not role.signed_online and due_for_renewal(role.name, role.expires, now):
            yield f"{role.name} expires on {role.expires:%Y-%m-%d}: put root.pem back for a moment so that it is renewed"
    for path in keys.too_open():
        yield f"{path.name} may be read by other users of this machine: chmod 600 {path}"
    for role_name in keys.unfinished_rotations():
        yield f"the rotation of the {role_name} key was interrupted: run it again to finish it"
    if damage:
        yield (
            f"{len(damage)} published file(s) were changed by somebody else ({damage[0]}): clusters refuse them; "
            "restart the control plane to publish them again"
        )
