"""Bring storage to what a ``Tree`` says, in the one order that a kill at any step cannot hurt.

Root files, then roles, then snapshot: all under names that nothing refers to yet. Then timestamp.json, which refers to
them: replacing it is the commit. Whatever an earlier, killed run left lies unreferenced and is written over or ignored.
"""

from datetime import datetime
from typing import TypeVar

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from control_plane.publishing.keys import KeyRing
from control_plane.publishing.layout import lifetime, next_version, role_file
from control_plane.publishing.storage import Storage
from control_plane.publishing.tree import Tree

R = TypeVar("R", Root, Timestamp, Snapshot, Targets)


def commit(storage: Storage, keys: KeyRing, tree: Tree, now: datetime) -> list[str]:
    """Sign and write whatever is new or touched; return the roles written, in order. Nothing to do: no write at all."""
    written = _publish_root_signed(storage, keys)
    signers = keys.online_signers()
    for name in tree.delegated:
        if _must_sign(tree, name, tree.roles.get(name), tree.targets.signed):
            role = tree.role(name)
            role.signed.version = next_version(max(role.signed.version, tree.highest.get(name, 0)), now)
            role.signed.expires = now + lifetime(name)
            _sign_and_write(storage, name, role, signers)
            written.append(name)
    if written or _top_is_stale(tree):
        _sign_top(storage, tree, signers, now)
        written += ["snapshot", "timestamp"]
    tree.touched.clear()
    return written


def serialize(metadata: Metadata[R]) -> bytes:
    """Return the bytes of a metadata file."""
    return JSONSerializer(compact=True).serialize(metadata)


def sign(metadata: Metadata[R], signers: tuple[CryptoSigner, ...]) -> None:
    """Replace the signatures by one of each signer. Clients ignore signatures that their delegation does not ask for."""
    metadata.signatures.clear()
    for signer in signers:
        metadata.sign(signer, append=True)


def _publish_root_signed(storage: Storage, keys: KeyRing) -> list[str]:
    """Copy every root.json and the newest targets.json from beside the keys, where the published copy differs."""
    names = sorted(keys.signed.names("."), key=lambda name: int(name.split(".")[0]))
    roots = [name for name in names if name.endswith(".root.json")]
    targets = [name for name in names if name.endswith(".targets.json")]
    written = []
    for name in [*targets, *roots]:
        data = keys.signed.read(name)
        if data is not None and storage.read(f"metadata/{name}") != data:
            storage.write(f"metadata/{name}", data)
            written.append(name.split(".")[1])
    return written


def _top_is_stale(tree: Tree) -> bool:
    root, snapshot, timestamp = tree.root.signed, tree.snapshot, tree.timestamp
    if _must_sign(tree, "snapshot", snapshot, root) or _must_sign(tree, "timestamp", timestamp, root):
        return True
    return snapshot is None or snapshot.signed.meta != _meta(tree)


def _meta(tree: Tree) -> dict[str, MetaFile]:
    versions = {"targets": tree.targets.signed.version} | {
        name: tree.role(name).signed.version for name in tree.delegated
    }
    return {f"{name}.json": MetaFile(version) for name, version in versions.items()}


def _sign_top(storage: Storage, tree: Tree, signers: tuple[CryptoSigner, ...], now: datetime) -> None:
    """Sign snapshot and timestamp, always both and with one number: an older timestamp put back betrays itself."""
    used = [metadata.signed.version for metadata in (tree.snapshot, tree.timestamp) if metadata]
    version = next_version(max([tree.highest.get("snapshot", 0), *used]), now)
    tree.snapshot = Metadata(Snapshot(version=version, expires=now + lifetime("snapshot"), meta=_meta(tree)))
    tree.timestamp = Metadata(
        Timestamp(version=version, expires=now + lifetime("timestamp"), snapshot_meta=MetaFile(version))
    )
    _sign_and_write(storage, "snapshot", tree.snapshot, signers)
    _sign_and_write(storage, "timestamp", tree.timestamp, signers)


def _must_sign(tree: Tree, name: str, role: Metadata[R] | None, delegator: Root | Targets) -> bool:
    """True if the role is new, was touched, or its present signatures do not satisfy the newest delegation."""
    if role is None or name in tree.touched:
        return True
    try:
        delegator.verify_delegate(name, role.signed_bytes, role.signatures)
    except UnsignedMetadataError:
        return True
    return False


def _sign_and_write(storage: Storage, name: str, metadata: Metadata[R], signers: tuple[CryptoSigner, ...]) -> None:
    sign(metadata, signers)
    storage.write(role_file(name, metadata.signed.version), serialize(metadata))
