"""Control plane and agent whose clocks are an hour apart: what is published is taken, and what has to wait says that the clocks differ."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import msgspec
import pytest

from cluster_agent.contract import Manifest, Wave
from cluster_agent.decisions import Policy, Stage
from cluster_agent.journal import Journal
from cluster_agent.loop import Around, Loop
from cluster_agent.metrics import Metrics
from cluster_agent.planning import plan
from cluster_agent.state import ApplicationState
from control_plane.domain.rollouts import RolloutState
from control_plane.services.channel_files import rollout_file
from control_plane.store.models import Rollout
from tests.unit.cluster_agent.test_planning import application
from tests.unit.cluster_agent.trust.conftest import World

HOUR = timedelta(hours=1)
POLICY = Policy("home", frozenset({"apps"}))


@pytest.fixture(params=[HOUR, -HOUR], ids=["control plane ahead", "control plane behind"])
def apart(request, server, client, tmp_path):
    """A world whose control plane's clock is an hour apart from the agent's, which is this machine's."""
    server.answers, server.requests, server.tags = {}, [], True
    world = World(tmp_path, server, client, now=datetime.now(UTC).replace(microsecond=0) + request.param)
    server.date = world.now
    return world


def published_by(world):
    """Return the rollout file that the control plane writes by its own clock."""
    rollout = Rollout(generation=2, state=RolloutState.ROLLING, started_at=world.now, state_since=world.now)
    return rollout_file(rollout, "stable", world.now)


def decision_after(world, rollout):
    """Return what the agent decides in the round in which it sees ``rollout``."""
    manifest = Manifest(channel="stable", generation=2, created=world.now, applications=(application(),))
    world.repository.publish_channel(manifest, rollout, now=world.now)
    decided = []

    def advance(name, said):
        decided.append(
            plan(name=name, said=said, revisions=(), state=ApplicationState(), policy=POLICY, now=datetime.now(UTC))
        )

    journal = Journal(SimpleNamespace(save=lambda files: None))
    loop = Loop(
        Around(None, None, None, None, journal),
        trusted=world.agent,
        reporter=SimpleNamespace(send=lambda reports: 0),
        metrics=Metrics(silent_limit=60.0),
        policy=POLICY,
        channel="stable",
        poll_seconds=1.0,
        report_seconds=60.0,
    )
    loop._worker = SimpleNamespace(advance=advance)
    loop.once()
    return decided[-1]


def test_what_is_published_is_taken_whichever_clock_is_wrong(apart):
    assert isinstance(decision_after(apart, published_by(apart)), Stage)


def test_a_wave_that_opens_later_says_how_far_the_clocks_are_apart(apart):
    later = Wave(name="later", percent=100, opens_at=apart.now + 2 * HOUR)
    action = decision_after(apart, msgspec.structs.replace(published_by(apart), waves=(later,)))
    behind = "behind" if apart.now > datetime.now(UTC) else "ahead of"
    assert action.code == "wave_not_open"
    assert f"1 h 0 min {behind} the server's clock ({apart.now:%Y-%m-%d %H:%M}" in action.reason
    assert action.reason.endswith("set the one that is wrong (NTP) first")
