"""Property: whatever is published, lost, put back or replayed, the generation that an agent believes never goes down."""

import shutil
from contextlib import suppress
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster_agent.errors import Unreachable, Untrusted
from cluster_agent.trust import News
from control_plane.domain.errors import Refused

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 6)),
        st.tuples(st.sampled_from(["keep", "renew", "restart", "hack"]), st.just(0)),
        st.tuples(st.sampled_from(["replay timestamp", "replay all"]), st.integers(0, 3)),
        st.tuples(st.just("poll"), st.just(0)),
    ),
    min_size=4,
    max_size=14,
)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=STEPS)
def test_the_believed_generation_never_goes_down(steps, new_world, tmp_path_factory):
    world = new_world(tmp_path_factory.mktemp("run"))
    kept, believed = [], 0
    for step, number in [*steps, ("poll", 0)]:
        world.now += timedelta(hours=1)
        with suppress(Refused):
            _take(world, step, number, kept)
        if step in ("poll", "replay timestamp", "replay all", "hack"):
            with suppress(Untrusted, Unreachable):
                world.poll()
        current = world.agent.current()
        assert (current.manifest.generation if current else 0) >= believed
        believed = current.manifest.generation if isinstance(current, News) else believed


def _take(world, step, number, kept):
    if step == "publish":
        world.publish(number)
    elif step == "renew":
        world.repository.renew(world.now)
    elif step == "restart":
        world.agent = world.new_agent()
    elif step == "keep":
        kept.append(world.folder / f"kept-{len(kept)}")
        shutil.copytree(world.site.root, kept[-1])
    elif step == "hack":  # valid keys, other files, newest versions, lowest generation
        hacked = world.publisher_into(world.folder / f"hacked-{world.now.timestamp():.0f}")
        hacked.initialise(now=world.now)
        world.publish(1, repository=hacked)
        world.site.root = hacked.storage.root
        world.repository = hacked
    elif step.startswith("replay") and kept:
        source = kept[number % len(kept)]
        if step == "replay all":
            shutil.rmtree(world.site.root)
            shutil.copytree(source, world.site.root)
        else:
            shutil.copy(source / "metadata/timestamp.json", world.site.root / "metadata/timestamp.json")
