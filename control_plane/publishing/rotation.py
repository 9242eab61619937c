"""Changing keys. Each step leaves a repository that every client can follow; an interrupted rotation is run again.

The rule behind the order: whatever the old and the new root.json ask for differently is first signed by both keys, then
the new root.json appears, then the old key is dropped. ``KeyRing`` signs with a key and its successor while both exist.
"""

from copy import deepcopy
from datetime import datetime

from control_plane.publishing.commit import commit
from control_plane.publishing.repository import Repository
from control_plane.publishing.root_signed import assign_keys, assign_online_key, keep_next_root, keep_next_targets
from control_plane.publishing.tree import Tree, load_tree


def rotate_online_key(repository: Repository, now: datetime) -> None:
    """Replace the online key by a new one; needs the root key. Run it again after an interruption.

    It also heals after a theft of the online key: clients drop the versions that the stolen key signed.
    """
    keys = repository.keys
    with keys.lock():
        root_signer = keys.require_root("a new online key")[0]
        successor = keys.begin_rotation("online")
        tree = _tree(repository)
        targets, root = deepcopy(tree.targets.signed), deepcopy(tree.root.signed)
        if assign_online_key(targets, successor):
            keep_next_targets(keys, tree.root.signed, targets, now)
        _resign(repository, now)
        if root.roles["timestamp"].keyids != [successor.public_key.keyid]:
            assign_keys(root, root_signer, successor)
            keep_next_root(keys, tree.root.signed, root, now)
            _resign(repository, now)
        keys.finish_rotation("online")
        _resign(repository, now)


def rotate_root_key(repository: Repository, now: datetime) -> None:
    """Replace the root key by a new one; the old key signs the change. Run it again after an interruption."""
    keys = repository.keys
    with keys.lock():
        keys.require_root("a new root key")
        successor = keys.begin_rotation("root")
        tree = _tree(repository)
        if successor.public_key.keyid not in tree.targets.signatures:
            keep_next_targets(keys, tree.root.signed, deepcopy(tree.targets.signed), now)
        _resign(repository, now)
        root = deepcopy(tree.root.signed)
        if root.roles["root"].keyids != [successor.public_key.keyid]:
            assign_keys(root, successor, keys.online_signers()[-1])
            keep_next_root(keys, tree.root.signed, root, now)
        keys.finish_rotation("root")
        _resign(repository, now)


def _resign(repository: Repository, now: datetime) -> None:
    """Sign snapshot and timestamp with all online keys that are here, and publish what the root key signed."""
    tree = _tree(repository)
    tree.touched |= {"snapshot", "timestamp"}
    commit(repository.storage, repository.keys, tree, now)


def _tree(repository: Repository) -> Tree:
    tree = load_tree(repository.storage, repository.keys)
    assert tree is not None  # require_root refuses before there is one
    return tree
