"""Real publishers in processes of their own: killed at random moments, and two at once."""

import multiprocessing
import random
import time

import msgspec

from control_plane.domain.errors import Refused

from .conftest import manifest, rollout

FORK = multiprocessing.get_context("fork")


def _publish_for_ever(repository, channel, now):
    # As the control plane does it: what is published is known from elsewhere, so a refused number is simply past.
    for generation in range(1, 10_000):
        try:
            repository.publish_channel(manifest(generation, channel), rollout(generation, now, channel), now=now)
        except Refused:
            continue


def _publish_ten(repository, channel, now):
    for generation in range(1, 11):
        repository.publish_channel(manifest(generation, channel), rollout(generation, now, channel), now=now)


def test_a_publisher_killed_thirty_times_never_shows_half_a_state(world):
    seed = random.randrange(10**6)
    moments = random.Random(seed)
    believed = 0
    for _ in range(30):
        publisher = FORK.Process(target=_publish_for_ever, args=(world.repository, "stable", world.now))
        publisher.start()
        until = time.monotonic() + moments.uniform(0.01, 0.12)
        while time.monotonic() < until:
            world.poll()
        publisher.kill()
        publisher.join()
        world.poll()
        current = world.agent.current()
        assert current.manifest.generation >= believed, f"seed {seed}"
        assert current.rollout.generation == current.manifest.generation, f"seed {seed}"
        believed = current.manifest.generation
    world.now = world.now.replace(hour=23)
    world.repository.initialise(channels=["stable"], now=world.now)
    assert world.repository.state(world.now).damage == (), f"seed {seed}"
    world.publish(20_000)
    assert world.poll().manifest.generation == 20_000
    assert believed > 1, "no publisher lived long enough to publish: the test would be empty"


def test_two_publishers_at_once_lose_nothing(world):
    edge = world.publisher_into(world.site.root)
    world.repository.add_channel("beta", now=world.now)
    publishers = [
        FORK.Process(target=_publish_ten, args=(repository, channel, world.now))
        for repository, channel in ((edge, "edge"), (world.repository, "beta"))
    ]
    for publisher in publishers:
        publisher.start()
    for publisher in publishers:
        publisher.join(60)
    assert [publisher.exitcode for publisher in publishers] == [0, 0]
    state = world.repository.state(world.now)
    assert {channel.name: channel.generation for channel in state.channels} == {"edge": 10, "stable": 1, "beta": 10}
    assert state.damage == ()
    assert world.fresh_agent().poll("edge", world.now).manifest == msgspec.structs.replace(manifest(10), channel="edge")
