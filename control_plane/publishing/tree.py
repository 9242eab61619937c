"""The repository as it is now, read from storage and believed only where its signatures hold.

What does not verify is listed as damage and left out; only the publisher's converging write (``commit``) makes it whole.
"""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp

from cluster_agent.contract import sha256_hex
from control_plane.publishing.keys import KeyRing
from control_plane.publishing.layout import manifest_target, role_file, rollout_target, target_file
from control_plane.publishing.storage import Storage

R = TypeVar("R", Timestamp, Snapshot, Targets)


@dataclass
class Tree:
    """Verified metadata. ``root`` and ``targets`` are the newest ones kept beside the keys.

    ``roles`` has the delegated roles as the current snapshot names them; ``touched`` names what must be signed anew;
    ``highest`` has, by role, the highest number that any of its files in storage has, used or not.
    """

    root: Metadata[Root]
    targets: Metadata[Targets]
    timestamp: Metadata[Timestamp] | None = None
    snapshot: Metadata[Snapshot] | None = None
    roles: dict[str, Metadata[Targets]] = field(default_factory=dict)
    damage: list[str] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    highest: dict[str, int] = field(default_factory=dict)

    @property
    def put_back(self) -> bool:
        """True if a newer snapshot lies unused: an older timestamp was put back, or a publisher was killed."""
        return self.highest.get("snapshot", 0) > (self.snapshot.signed.version if self.snapshot else 0)

    @property
    def delegated(self) -> list[str]:
        """Names of the delegated roles, in the order in which clients look."""
        delegations = self.targets.signed.delegations
        return list(delegations.roles or {}) if delegations else []

    def manifest(self, channel: str) -> TargetFile | None:
        """Return what the channel's role says about its manifest, None before the first one."""
        return self._target(channel, manifest_target(channel))

    def rollout(self, channel: str) -> TargetFile | None:
        """Return what the role ``rollouts`` says about the channel's rollout."""
        return self._target("rollouts", rollout_target(channel))

    def generation(self, channel: str) -> int:
        """Return the generation that the channel is at; 0 before the first one."""
        return generation_of(self.manifest(channel))

    def role(self, name: str) -> Metadata[Targets]:
        """Return the role's metadata to be changed; an empty one where there is none yet."""
        return self.roles.setdefault(name, Metadata(Targets(version=1)))

    def _target(self, role: str, path: str) -> TargetFile | None:
        return self.roles[role].signed.targets.get(path) if role in self.roles else None


def generation_of(target: TargetFile | None) -> int:
    """Return the generation that a role states beside the target's hash; 0 for none."""
    custom: dict[str, Any] = (target.custom if target else None) or {}
    return int(custom.get("generation", 0))


def newest_signed(keys: KeyRing, role: str) -> tuple[int, bytes] | None:
    """Return version and bytes of the newest ``root`` or ``targets`` kept beside the keys."""
    versions = [int(name.split(".")[0]) for name in keys.signed.names(".") if name.endswith(f".{role}.json")]
    if not versions:
        return None
    data = keys.signed.read(f"{max(versions)}.{role}.json")
    return (max(versions), data) if data is not None else None


def load_tree(storage: Storage, keys: KeyRing) -> Tree | None:
    """Read the repository; None before root and targets have ever been signed."""
    root, targets = newest_signed(keys, "root"), newest_signed(keys, "targets")
    if root is None or targets is None:
        return None
    tree = Tree(Metadata[Root].from_bytes(root[1]), Metadata[Targets].from_bytes(targets[1]))
    tree.highest = _highest_numbers(storage)
    if storage.read(role_file("timestamp", 0)) is None:
        return tree
    _check_roots(storage, keys, tree)
    tree.timestamp = _verified(storage, tree, tree.root.signed, Timestamp, "timestamp", 0)
    if tree.timestamp:
        version = tree.timestamp.signed.snapshot_meta.version
        tree.snapshot = _verified(storage, tree, tree.root.signed, Snapshot, "snapshot", version)
    if tree.snapshot:
        _load_roles(storage, keys, tree, tree.snapshot.signed)
    return tree


def _highest_numbers(storage: Storage) -> dict[str, int]:
    highest: dict[str, int] = {}
    for name in storage.names("metadata"):
        number, _, role = name.removesuffix(".json").partition(".")
        if number.isdecimal():
            highest[role] = max(highest.get(role, 0), int(number))
    return highest


def _check_roots(storage: Storage, keys: KeyRing, tree: Tree) -> None:
    """Note root files that were changed. A missing one is no damage: the commit after its signing writes it."""
    for name in keys.signed.names("."):
        published = storage.read(f"metadata/{name}")
        if name.endswith(".root.json") and published not in (None, keys.signed.read(name)):
            tree.damage.append(f"metadata/{name} is not the file that the root key signed")


def _load_roles(storage: Storage, keys: KeyRing, tree: Tree, snapshot: Snapshot) -> None:
    """Verify each role against the targets version that the same snapshot names; a newer one may not be published yet."""
    version = snapshot.meta["targets.json"].version
    delegator = _targets_in_force(storage, keys, tree, version)
    for name in _delegated_names(delegator):
        if (meta := snapshot.meta.get(f"{name}.json")) is None:
            continue
        role = _verified(storage, tree, delegator, Targets, name, meta.version)
        if role:
            tree.roles[name] = role


def _targets_in_force(storage: Storage, keys: KeyRing, tree: Tree, version: int) -> Targets:
    ours = keys.signed.read(f"{version}.targets.json")
    published = storage.read(role_file("targets", version))
    if ours is None or published != ours:
        tree.damage.append(f"{role_file('targets', version)} is not the file that the root key signed")
    return Metadata[Targets].from_bytes(ours).signed if ours else tree.targets.signed


def _delegated_names(targets: Targets) -> list[str]:
    return list((targets.delegations.roles or {}) if targets.delegations else {})


def _verified(
    storage: Storage, tree: Tree, delegator: Root | Targets, kind: type[R], name: str, version: int
) -> Metadata[R] | None:
    """Return the role's metadata if it is of its kind and version and signed as ``delegator`` demands; else note the damage."""
    file = role_file(name, version)
    data = storage.read(file)
    if data is None:
        tree.damage.append(f"{file} is missing")
        return None
    try:
        metadata = Metadata[R].from_bytes(data)
        delegator.verify_delegate(name, metadata.signed_bytes, metadata.signatures)
    except RepositoryError:
        tree.damage.append(f"{file} was changed by somebody without the key")
        return None
    if not isinstance(metadata.signed, kind) or (version and metadata.signed.version != version):
        tree.damage.append(f"{file} is not what its name says")
        return None
    return metadata


def damaged_targets(storage: Storage, tree: Tree) -> list[str]:
    """Return the storage names of published documents that are missing or whose bytes are not the signed ones."""
    return [
        target_file(path, target.hashes["sha256"])
        for role in tree.roles.values()
        for path, target in role.signed.targets.items()
        if sha256_hex(storage.read(target_file(path, target.hashes["sha256"])) or b"") != target.hashes["sha256"]
    ]
