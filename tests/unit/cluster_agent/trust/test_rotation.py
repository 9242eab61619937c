"""Agents follow changed keys when the old quorum signed the change, and only then."""

import shutil
from datetime import timedelta

import pytest
from tuf.api.metadata import Metadata

from cluster_agent.errors import Untrusted
from cluster_agent.trust import Unchanged
from control_plane.domain.errors import Refused
from control_plane.publishing.keys import KeyRing
from control_plane.publishing.repository import Repository
from control_plane.publishing.rotation import rotate_online_key, rotate_root_key
from control_plane.publishing.storage import DirectoryStorage


@pytest.mark.parametrize("rotate", [rotate_online_key, rotate_root_key])
def test_agents_old_and_new_follow_a_rotation(world, rotate):
    world.poll()
    rotate(world.repository, world.now)
    assert world.poll() == Unchanged(1)
    world.publish(2)
    assert world.poll().manifest.generation == 2
    assert world.fresh_agent().poll("stable", world.now).manifest.generation == 2


def test_many_rotations_are_followed_in_one_poll(world):
    world.poll()
    for _ in range(3):
        rotate_online_key(world.repository, world.now)
        rotate_root_key(world.repository, world.now)
    world.publish(2)
    assert world.poll().manifest.generation == 2
    assert world.repository.state(world.now).roles[0].version == 7


def test_a_rotation_needs_the_root_key(world):
    (world.folder / "keys/root.pem").unlink()
    for rotate in (rotate_online_key, rotate_root_key):
        with pytest.raises(Refused, match=r"root\.pem"):
            rotate(world.repository, world.now)


def test_what_a_stolen_online_key_signs_after_the_rotation_is_refused(world):
    world.poll()
    thief = world.folder / "thief"
    shutil.copytree(world.folder / "keys", thief)
    (thief / "root.pem").unlink()
    rotate_online_key(world.repository, world.now)
    assert world.poll() == Unchanged(1)
    forged = Repository(DirectoryStorage(world.site.root), KeyRing(thief))
    tree_file = world.site.root / "metadata/timestamp.json"
    metadata = Metadata.from_bytes(tree_file.read_bytes())
    metadata.signed.version += 1000
    metadata.sign(forged.keys.online_signers()[0])
    tree_file.write_bytes(metadata.to_bytes())
    with pytest.raises(Untrusted) as caught:
        world.poll()
    assert caught.value.code == "unsigned"


def test_versions_far_ahead_signed_by_a_stolen_key_do_not_lock_agents_out_after_rotation(world):
    file = world.site.root / "metadata/timestamp.json"
    metadata = Metadata.from_bytes(file.read_bytes())
    metadata.signed.version += 10**9
    metadata.sign(world.repository.keys.online_signers()[0])
    file.write_bytes(metadata.to_bytes())
    world.poll()
    file.unlink()  # the thief is thrown out
    world.now += timedelta(minutes=1)
    world.repository.reconcile([], now=world.now)
    rotate_online_key(world.repository, world.now)
    with pytest.raises(
        Untrusted, match="empty"
    ):  # the channel's database rows were not given: nothing is lost silently
        world.poll()
    world.publish(2)
    assert world.poll().manifest.generation == 2


def test_a_root_that_the_old_quorum_did_not_sign_is_refused(world, new_world, tmp_path):
    world.poll()
    agent = world.agent
    other = new_world(tmp_path / "other")
    rotate_root_key(other.repository, other.now)
    other.publish(2)
    with pytest.raises(Untrusted) as caught:
        agent.poll("stable", other.now)
    assert caught.value.code == "unsigned"
