"""A clock that was an hour ahead and is right again: places are looked at, lost runs end, nothing waits for that hour."""

from datetime import timedelta

import pytest

from control_plane.store.clock import future_forgotten
from tests.support.world import World

pytestmark = pytest.mark.services
HOUR = timedelta(hours=1)


def forget(world: World) -> timedelta:
    with world.scope() as session:
        return future_forgotten(session, world.now)


def test_what_a_wrong_clock_had_put_off_is_due(world: World) -> None:
    world.now += HOUR
    world.start()
    world.publish_upstream("2.2.8")
    world.settle()
    world.now -= HOUR
    world.registry.release("2.2.10")
    assert world.waiting() == []

    assert forget(world) >= HOUR
    assert forget(world) == timedelta(0)
    world.settle()
    assert world.release("2.2.10").state == "verified"


def test_a_run_whose_worker_was_lost_meanwhile_ends(world: World) -> None:
    def killed() -> None:
        raise KeyboardInterrupt

    world.now += HOUR
    world.start()
    world.publish_upstream("2.2.8")
    world.harness.before_end = killed
    with pytest.raises(KeyboardInterrupt):
        world.settle()
    world.now -= HOUR - timedelta(seconds=60)
    assert "run_expire" not in {nudge.work for nudge in world.waiting()}

    forget(world)
    assert "run_expire" in {nudge.work for nudge in world.waiting()}
    world.settle()
    assert world.release("2.2.8").state == "errored"


def test_clocks_that_differ_a_little_change_nothing(world: World) -> None:
    world.start()
    world.publish_upstream("2.2.8")
    world.settle()
    world.now -= timedelta(seconds=60)
    assert forget(world) == timedelta(0)
