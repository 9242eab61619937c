"""What only the root key signs: root.json (roles and keys) and targets.json (which channels exist, who signs them).

New versions are kept beside the keys first and published by the next commit. Root and targets versions count by ones.
"""

from collections.abc import Iterable
from copy import deepcopy
from datetime import datetime
from typing import TypeVar

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Role, Root, Targets

from control_plane.domain.errors import Refused
from control_plane.publishing.commit import serialize, sign
from control_plane.publishing.keys import KeyRing
from control_plane.publishing.layout import ROLLOUTS, due_for_renewal, lifetime
from control_plane.publishing.tree import Tree, newest_signed

R = TypeVar("R", Root, Targets)

ROOT_ROLES = ("root", "targets")
ONLINE_ROLES = ("snapshot", "timestamp")


def make_first(keys: KeyRing, now: datetime) -> None:
    """Sign version 1 of targets.json and root.json unless that was done; root.json, which ends the first start, comes last."""
    if newest_signed(keys, "root"):
        return
    root_signers, online = keys.require_root("the first root.json"), keys.online_signers()[-1]
    targets = Targets(version=1, expires=now + lifetime("targets"))
    targets.delegations = Delegations(keys={}, roles={})
    _delegate(targets, ROLLOUTS, [f"{ROLLOUTS}/*/*"], online)
    signed_targets = Metadata(targets)
    sign(signed_targets, root_signers)
    _keep(keys, "targets", signed_targets)
    root = Root(version=1, expires=now + lifetime("root"))
    assign_keys(root, root_signers[-1], online)
    signed_root = Metadata(root)
    sign(signed_root, root_signers)
    _keep(keys, "root", signed_root)


def delegate_channels(keys: KeyRing, names: Iterable[str], now: datetime) -> None:
    """Give each new channel a terminating role of its own, signed by the online key. None new: nothing is signed."""
    newest_root, newest_targets = newest_signed(keys, "root"), newest_signed(keys, "targets")
    assert newest_root is not None  # make_first comes first
    assert newest_targets is not None
    current = Metadata[Targets].from_bytes(newest_targets[1]).signed
    new = [name for name in names if current.delegations and name not in (current.delegations.roles or {})]
    if not new:
        return
    for name in new:
        _delegate(current, name, [f"channels/{name}/*"], keys.online_signers()[-1])
    keep_next_targets(keys, Metadata[Root].from_bytes(newest_root[1]).signed, current, now)


def renew_root_signed(keys: KeyRing, tree: Tree, now: datetime) -> bool:
    """Sign root and targets again when they are due and the root key is here. Return True if anything was signed."""
    if not keys.root_signers():
        return False
    due_targets = due_for_renewal("targets", tree.targets.signed.expires, now)
    due_root = due_for_renewal("root", tree.root.signed.expires, now)
    if due_targets:
        keep_next_targets(keys, tree.root.signed, deepcopy(tree.targets.signed), now)
    if due_root:
        keep_next_root(keys, tree.root.signed, deepcopy(tree.root.signed), now)
    return due_targets or due_root


def keep_next_targets(keys: KeyRing, root: Root, targets: Targets, now: datetime) -> None:
    """Sign ``targets`` as the next version. Raises ``Refused`` if the key that is here is not the one ``root`` names."""
    targets.version += 1
    targets.expires = now + lifetime("targets")
    metadata = Metadata(targets)
    sign(metadata, keys.require_root("a change of targets.json"))
    _require_quorum(root, "targets", metadata)
    _keep(keys, "targets", metadata)


def keep_next_root(keys: KeyRing, current: Root, root: Root, now: datetime) -> None:
    """Sign ``root`` as the version after ``current``, by every root key that is here: the old quorum signs the change."""
    root.version = current.version + 1
    root.expires = now + lifetime("root")
    metadata = Metadata(root)
    sign(metadata, keys.require_root("a change of root.json"))
    _require_quorum(current, "root", metadata)
    _require_quorum(root, "root", metadata)
    _keep(keys, "root", metadata)


def assign_keys(root: Root, root_signer: CryptoSigner, online_signer: CryptoSigner) -> None:
    """Let ``root`` name these keys and no others."""
    root.keys = {signer.public_key.keyid: signer.public_key for signer in (root_signer, online_signer)}
    root.roles = {role: Role([root_signer.public_key.keyid], 1) for role in ROOT_ROLES}
    root.roles |= {role: Role([online_signer.public_key.keyid], 1) for role in ONLINE_ROLES}


def assign_online_key(targets: Targets, signer: CryptoSigner) -> bool:
    """Let every delegation name this online key. Return False if it did already."""
    assert targets.delegations is not None
    assert targets.delegations.roles is not None
    keyid = signer.public_key.keyid
    if all(role.keyids == [keyid] for role in targets.delegations.roles.values()):
        return False
    targets.delegations.keys = {keyid: signer.public_key}
    for role in targets.delegations.roles.values():
        role.keyids = [keyid]
    return True


def _delegate(targets: Targets, name: str, paths: list[str], signer: CryptoSigner) -> None:
    assert targets.delegations is not None
    assert targets.delegations.roles is not None
    key = signer.public_key
    targets.delegations.keys[key.keyid] = key
    targets.delegations.roles[name] = DelegatedRole(name, [key.keyid], 1, terminating=True, paths=paths)


def _require_quorum(delegator: Root, role: str, metadata: Metadata[R]) -> None:
    try:
        delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except UnsignedMetadataError:
        message = "root.pem is not the key that root.json names: put the right key back and try again"
        raise Refused(message, code="wrong_root_key") from None


def _keep(keys: KeyRing, role: str, metadata: Metadata[R]) -> None:
    keys.signed.write(f"{metadata.signed.version}.{role}.json", serialize(metadata))
