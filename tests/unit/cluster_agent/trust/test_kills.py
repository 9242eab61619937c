"""A publisher killed between any two of its writes: agents see the old state or the new one, and the next run heals."""

import itertools
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from cluster_agent.errors import Unreachable
from cluster_agent.trust import News, Unchanged
from control_plane.publishing import keys, storage
from control_plane.publishing.repository import Published
from control_plane.publishing.rotation import rotate_online_key, rotate_root_key

from .conftest import manifest, rollout


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it, so nothing is tidied up."""


@pytest.fixture
def killer(monkeypatch):
    """Return arm(n): the n-th change to any file from then on (counted from 0) does not happen, nor does anything after it."""
    left = [10**9]

    def step(real):
        def stepped(*arguments, **options):
            if left[0] == 0:
                if real is real_write:  # the temporary file of a killed writer stays
                    arguments[0].with_name(f"{storage.TEMPORARY_PREFIX}killed").write_bytes(arguments[1][:5])
                raise Killed
            left[0] -= 1
            return real(*arguments, **options)

        return stepped

    real_write = storage._write_and_rename
    monkeypatch.setattr(storage, "_write_and_rename", step(real_write))
    monkeypatch.setattr(keys.KeyRing, "finish_rotation", step(keys.KeyRing.finish_rotation))

    def arm(count):
        left[0] = count

    return arm


def publish(world):
    world.publish(2)


def publish_a_rollout(world):
    changed = rollout(1, world.now + timedelta(hours=1))
    changed = type(changed)(channel="stable", generation=1, expires=changed.expires, waves=(_wave(world),))
    world.repository.publish_rollout(changed, now=world.now)


def _wave(world):
    from cluster_agent.contract import Wave

    return Wave(name="all", percent=100, opens_at=world.now)


def renew(world):
    world.now += timedelta(days=4)
    world.repository.renew(world.now)


def add_a_channel(world):
    world.repository.add_channel("beta", now=world.now)


def rotate_online(world):
    rotate_online_key(world.repository, world.now)


def rotate_root(world):
    rotate_root_key(world.repository, world.now)


def reconcile(world):
    published = [Published(manifest(2), rollout(2, world.now))]
    world.repository.reconcile(published, now=world.now)


def copy_of(world, folder, new_world):
    """Return a world of its own that begins with the same files."""
    shutil.copytree(world.folder, folder)
    return new_world(folder)


@pytest.mark.parametrize(
    "operation", [publish, publish_a_rollout, renew, add_a_channel, rotate_online, rotate_root, reconcile]
)
def test_killed_at_any_write_agents_see_old_or_new_and_a_repeat_heals(
    operation, world, killer, new_world, tmp_path_factory
):
    world.poll()
    for count in itertools.count():
        trial = copy_of(world, tmp_path_factory.mktemp("trial") / "world", new_world)
        killer(count)
        try:
            operation(trial)
        except Killed:
            killed = True
        else:
            killed = False
        killer(10**9)
        believed = {1, 2} if killed else {_goal(operation)}
        alive = operation is not renew or not killed  # a timestamp that lapsed during the outage is refused, rightly
        if alive:
            for agent in (trial.agent, trial.fresh_agent()):
                assert _generation(agent.poll("stable", trial.now)) in believed, f"killed before write {count}"
        if not killed:
            break
        trial.now += timedelta(seconds=1)
        operation(trial)
        for agent in (trial.agent, trial.fresh_agent()):
            assert _generation(agent.poll("stable", trial.now)) == _goal(operation), f"healed after write {count}"
        assert trial.repository.state(trial.now).damage == ()
    assert count >= 2, "the operation wrote next to nothing: the test would be empty"


def _goal(operation):
    return 2 if operation in (publish, reconcile) else 1


def _generation(answer):
    assert isinstance(answer, (News, Unchanged))
    return answer.manifest.generation if isinstance(answer, News) else answer.generation


def test_a_first_start_killed_at_any_write_is_finished_by_the_next(killer, new_world, tmp_path, monkeypatch):
    for count in itertools.count():
        folder = tmp_path / str(count)
        killer(count)
        try:
            world = new_world(folder)
        except Killed:
            killer(10**9)
            keys_before = {path.name: path.read_bytes() for path in (folder / "keys").glob("*.pem")}
            world = new_world(folder)
            assert (
                keys_before.items()
                <= {path.name: path.read_bytes() for path in (folder / "keys").glob("*.pem")}.items()
            )
            assert not [path for path in folder.rglob(f"{storage.TEMPORARY_PREFIX}*") if "signed" not in path.parts]
            world.publish(1)
            assert world.poll().manifest.generation == 1
        else:
            break
    assert count > 6


def test_all_files_lost_are_published_again_from_the_database_and_agents_go_on(world):
    world.publish(3)
    world.poll()
    world.now += timedelta(minutes=1)
    shutil.rmtree(world.site.root)
    with pytest.raises(Unreachable, match="404"):
        world.poll()
    world.repository.initialise(
        channels=["edge", "stable"], published=[Published(manifest(3), rollout(3, world.now))], now=world.now
    )
    answer = world.poll()
    assert isinstance(answer, Unchanged) or answer.manifest.generation == 3
    world.publish(4)
    assert world.poll().manifest.generation == 4


def test_tampered_files_are_named_stop_publishing_and_are_healed_from_the_database(world):
    world.poll()
    older = world.file("metadata/timestamp.json").read_bytes()
    world.publish(2)
    published = [Published(manifest(2), rollout(2, world.now))]
    world.poll()
    before_renewal = world.file("metadata/timestamp.json").read_bytes()
    world.repository.renew(world.now + timedelta(hours=12))
    damages = {
        "timestamp of before a renewal": lambda: world.file("metadata/timestamp.json").write_bytes(before_renewal),
        "unsigned role": lambda: _strip(world.file("metadata/*.stable.json")),
        "older timestamp": lambda: world.file("metadata/timestamp.json").write_bytes(older),
        "no timestamp": lambda: world.file("metadata/timestamp.json").unlink(),
        "garbage snapshot": lambda: world.file("metadata/*.snapshot.json").write_bytes(b"{"),
        "swapped manifest": lambda: world.file("targets/channels/stable/*").write_bytes(b"{}"),
        "changed root": lambda: (world.site.root / "metadata/1.root.json").write_bytes(b"{}"),
        "missing targets": lambda: world.file("metadata/*.targets.json").unlink(),
    }
    for name, damage in damages.items():
        world.now += timedelta(minutes=1)
        _generation(world.poll())
        damage()
        assert world.repository.state(world.now).damage, name
        world.repository.reconcile(published, now=world.now)
        assert world.repository.state(world.now).damage == (), name
        assert world.repository.reconcile(published, now=world.now) == [], name
        assert _generation(world.poll()) == 2, name
        assert _generation(world.fresh_agent().poll("stable", world.now)) == 2, name


def _strip(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"sig":"', b'"sig":"00', 1))
