"""The TUF repository: what a channel wants and who may take it, as signed static files.

The database is the truth and these files follow it: every operation may be repeated, a repeat changes not one byte, and
``reconcile`` makes the files whole again from the database after a crash, a loss or a change by somebody else.
Generations only grow. Times are aware UTC and come in as arguments.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import msgspec
from tuf.api.metadata import TargetFile

from cluster_agent.contract import Manifest, Rollout, canonical_json, sha256_hex
from control_plane.domain.errors import InvalidInput, Refused
from control_plane.publishing.commit import commit
from control_plane.publishing.keys import KeyRing
from control_plane.publishing.layout import (
    LIFETIMES,
    ROLLOUTS,
    check_channel_name,
    due_for_renewal,
    manifest_target,
    rollout_target,
    target_file,
)
from control_plane.publishing.root_signed import delegate_channels, make_first, renew_root_signed
from control_plane.publishing.state import RepositoryState, describe
from control_plane.publishing.storage import DirectoryStorage, Storage
from control_plane.publishing.tree import Tree, generation_of, load_tree


@dataclass(frozen=True, slots=True)
class Published:
    """What the database says a channel has now. ``rollout`` None: nobody may take it yet."""

    manifest: Manifest
    rollout: Rollout | None = None


class Repository:
    """Publisher of one repository. Cheap to make; holds no state between calls, so any process may publish."""

    def __init__(self, storage: Storage, keys: KeyRing) -> None:
        self.storage = storage
        self.keys = keys

    def initialise(
        self, *, channels: Iterable[str] = (), published: Iterable[Published] = (), now: datetime
    ) -> list[str]:
        """Make keys, root and metadata at first start; later make whole what is missing. Return the roles written.

        ``channels`` get their delegation now, while the root key is here; where it is absent, new names are left for
        ``add_channel`` to refuse. ``published`` is what the database has: after a loss of files it is published again.
        """
        names = [check_channel_name(name) for name in channels]
        with self.keys.lock():
            self.keys.make_missing()
            if isinstance(self.storage, DirectoryStorage):
                self.storage.sweep()
            make_first(self.keys, now)
            if self.keys.root_signers():
                delegate_channels(self.keys, names, now)
            return self._reconcile(published, now)

    def add_channel(self, name: str, *, now: datetime) -> None:
        """Delegate a new channel; needs the root key. One that exists is left as it is."""
        check_channel_name(name)
        with self._open() as tree:
            if name not in tree.delegated:
                self.keys.require_root(f"a new channel ({name})")
                delegate_channels(self.keys, [name], now)
                tree = self._sound()
            commit(self.storage, self.keys, tree, now)

    def publish_channel(self, manifest: Manifest, rollout: Rollout | None = None, *, now: datetime) -> list[str]:
        """Publish a generation, with its rollout, in one step that clients see whole. Return the roles written.

        The same generation with the same bytes again: nothing. Raises ``Refused`` for a generation that does not grow,
        a channel that is not delegated, and a repository whose files were damaged.
        """
        with self._open() as tree:
            self._put(tree, Published(manifest, rollout), now)
            return commit(self.storage, self.keys, tree, now)

    def publish_rollout(self, rollout: Rollout, *, now: datetime) -> list[str]:
        """Replace the rollout of the generation that the channel has now. Return the roles written."""
        with self._open() as tree:
            self._put_rollout(tree, rollout, now)
            return commit(self.storage, self.keys, tree, now)

    def reconcile(self, published: Iterable[Published], *, now: datetime) -> list[str]:
        """Make the files equal to the database, whatever happened to them, and renew what is due. Return the roles written."""
        with self.keys.lock():
            return self._reconcile(published, now)

    def renew(self, now: datetime) -> list[str]:
        """Sign again whatever nears its expiry; return the roles written. Often called, seldom anything to do."""
        with self._open() as tree:
            if renew_root_signed(self.keys, tree, now):
                tree = self._sound()
            self._touch_due(tree, now)
            return commit(self.storage, self.keys, tree, now)

    def state(self, now: datetime) -> RepositoryState:
        """Describe the repository for pages; verifies every file that clients would read."""
        with self.keys.reading():
            return describe(self.storage, self.keys, load_tree(self.storage, self.keys), now)

    def manifests(self) -> dict[str, Manifest]:
        """Return what the signed files say now, by channel. Channels that are empty or damaged are left out."""
        with self.keys.reading():
            tree = load_tree(self.storage, self.keys)
            found = {name: self._manifest(tree, name) for name in tree.delegated} if tree else {}
        return {name: manifest for name, manifest in found.items() if manifest is not None}

    def first_root(self) -> bytes:
        """Return root.json version 1: what an enrolling agent gets, and what a join token has the SHA-256 of."""
        data = self.keys.signed.read("1.root.json")
        if data is None:
            raise Refused(
                "there is no root.json yet: start the control plane; its worker, which has the signing keys, makes it",
                code="not_initialised",
            )
        return data

    # Everything below runs while the publisher's lock is held.

    @contextmanager
    def _open(self) -> Iterator[Tree]:
        with self.keys.lock():
            yield self._sound()

    def _sound(self) -> Tree:
        tree = load_tree(self.storage, self.keys)
        if tree is None or (tree.timestamp is None and not tree.damage):
            raise Refused(
                "the repository has no files: restart the control plane, which publishes them from its database",
                code="not_initialised",
            )
        if tree.damage:
            raise Refused(
                f"nothing is signed on top of damaged files ({tree.damage[0]}): restart the control plane, "
                "which publishes them again from its database",
                code="repository_damaged",
            )
        return _mending(tree)

    def _reconcile(self, published: Iterable[Published], now: datetime) -> list[str]:
        tree = load_tree(self.storage, self.keys)
        if tree is None:
            raise Refused(
                "the repository has not been initialised: start the control plane once", code="not_initialised"
            )
        for item in published:
            self._put(tree, item, now)
        self._touch_due(tree, now)
        return commit(self.storage, self.keys, _mending(tree), now)

    def _put(self, tree: Tree, item: Published, now: datetime) -> None:
        manifest = item.manifest
        channel = manifest.channel
        if channel not in tree.delegated:
            raise Refused(
                f"channel {channel!r} is not part of the repository: add it with the root key present "
                f"(`tidegate channel add {channel}`)",
                code="channel_not_delegated",
            )
        self._put_document(tree, channel, manifest_target(channel), canonical_json(manifest), manifest.generation)
        if item.rollout is not None:
            _require_same_place(manifest, item.rollout)
            self._put_rollout(tree, item.rollout, now)

    def _put_rollout(self, tree: Tree, rollout: Rollout, now: datetime) -> None:
        generation = tree.generation(rollout.channel)
        if rollout.generation != generation:
            raise Refused(
                f"channel {rollout.channel} is at generation {generation}: a rollout of generation {rollout.generation} "
                "cannot be published",
                code="rollout_of_other_generation",
            )
        current = self._current_rollout(tree, rollout.channel)
        if current and _same_rollout(current, rollout) and not due_for_renewal(ROLLOUTS, current.expires, now):
            rollout = current
        self._put_document(
            tree,
            ROLLOUTS,
            rollout_target(rollout.channel),
            canonical_json(rollout),
            rollout.generation,
            replaceable=True,
        )

    def _put_document(
        self, tree: Tree, role: str, path: str, data: bytes, generation: int, *, replaceable: bool = False
    ) -> None:
        """Write the document (also when the stored copy was damaged) and name it in its role unless it is named already."""
        current = tree.roles[role].signed.targets.get(path) if role in tree.roles else None
        target = TargetFile.from_data(path, data, ["sha256"])
        target.unrecognized_fields["custom"] = {"generation": generation}
        if current != target and not replaceable:
            _require_growth(role, current, generation)
        name = target_file(path, target.hashes["sha256"])
        if self.storage.read(name) != data:
            self.storage.write(name, data)
        if current != target:
            tree.role(role).signed.targets[path] = target
            tree.touched.add(role)

    def _current_rollout(self, tree: Tree, channel: str) -> Rollout | None:
        data = self._content(tree.rollout(channel))
        return msgspec.json.decode(data, type=Rollout) if data is not None else None

    def _manifest(self, tree: Tree, channel: str) -> Manifest | None:
        data = self._content(tree.manifest(channel))
        return msgspec.json.decode(data, type=Manifest) if data is not None else None

    def _content(self, target: TargetFile | None) -> bytes | None:
        """Return the signed document; None where there is none, or not the one that was signed."""
        data = self.storage.read(target_file(target.path, target.hashes["sha256"])) if target else None
        return data if target and data is not None and sha256_hex(data) == target.hashes["sha256"] else None

    def _touch_due(self, tree: Tree, now: datetime) -> None:
        """Mark roles near their expiry, and give rollouts near theirs a new one."""
        for channel in tree.delegated:
            rollout = self._current_rollout(tree, channel)
            if rollout and due_for_renewal(ROLLOUTS, rollout.expires, now):
                self._put_rollout(tree, msgspec.structs.replace(rollout, expires=now + LIFETIMES[ROLLOUTS]), now)
        online = {"snapshot": tree.snapshot, "timestamp": tree.timestamp, **tree.roles}
        for name, metadata in online.items():
            if metadata and due_for_renewal(name, metadata.signed.expires, now):
                tree.touched.add(name)


def _mending(tree: Tree) -> Tree:
    if tree.put_back:
        tree.touched |= {"snapshot", "timestamp"}
    return tree


def _same_rollout(one: Rollout, other: Rollout) -> bool:
    return one == msgspec.structs.replace(other, expires=one.expires)


def _require_growth(channel: str, current: TargetFile | None, generation: int) -> None:
    if generation == generation_of(current):
        raise Refused(
            f"generation {generation} of channel {channel} is published with other content, and what is published stays: "
            f"publish generation {generation + 1}",
            code="generation_taken",
        )
    if generation < generation_of(current):
        raise Refused(
            f"channel {channel} is at generation {generation_of(current)}: generation {generation} would go back",
            code="generation_not_growing",
        )


def _require_same_place(manifest: Manifest, rollout: Rollout) -> None:
    if (manifest.channel, manifest.generation) != (rollout.channel, rollout.generation):
        raise InvalidInput(
            f"the rollout is of {rollout.channel} generation {rollout.generation}, "
            f"the manifest of {manifest.channel} generation {manifest.generation}"
        )
