"""Applications that leave a channel: the next generation does not name them, clusters say what became of them, and they come back."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from control_plane.domain.applications import ChannelRule
from control_plane.domain.errors import Refused
from control_plane.services import applications, publications
from control_plane.store import lookups
from control_plane.store.models import Channel
from control_plane.store.reads import fleet
from control_plane.store.session import Session
from tests.support.world import World, declare

pytestmark = pytest.mark.services

EDGE = ChannelRule(name="edge")


@pytest.fixture
def both(world: World) -> World:
    """A world whose edge and stable have 2.2.8, with a cluster on each."""
    world.start()
    world.publish_upstream("2.2.8")
    world.settle()
    world.wait(61)
    world.settle()
    world.approve("2.2.8")
    world.settle()
    world.enrol("lab", "edge")
    world.enrol("shop", "stable", key="c2hvcA==")
    world.report("lab", world.about(1, "healthy", "2.2.8", 1, channel="edge", running="2.2.8"))
    world.report("shop", world.about(1, "healthy", "2.2.8", 1, running="2.2.8"))
    return world


def drop(world: World, channel: str) -> int:
    with world.scope() as session:
        return publications.channel_drop(
            session, channel=channel, application="miniflux", reason="moved", actor="person:anna", now=world.now
        ).generation


def test_a_dropped_application_is_not_in_the_next_generation_and_others_are_untouched(both: World) -> None:
    assert drop(both, "stable") == 2
    both.settle()
    assert (both.versions("stable"), both.versions("edge")) == ({}, {"miniflux": "2.2.8"})
    assert both.promotion("2.2.8", "stable").state == "left"
    assert both.rollout("stable").state == "rolling"
    states = both.repository.state(both.now)
    assert {channel.name: channel.generation for channel in states.channels} == {"edge": 1, "stable": 2}
    with pytest.raises(Refused, match="nothing published in stable"):
        drop(both, "stable")


def test_a_cluster_that_says_so_has_arrived_and_is_shown_with_what_became_of_it(both: World) -> None:
    drop(both, "stable")
    both.settle()
    words = "left the channel stable at generation 2; it stays installed and is no longer updated"
    both.report("shop", both.about(2, "left", "2.2.8", 2, running="2.2.8", code="left", message=words))
    assert both.rollout("stable").state == "completed"
    with both.scope() as session:
        (one,) = fleet.cluster(session, name="shop").installations
    assert (one.outcome, one.running, one.message) == ("left", "2.2.8", words)
    both.report("shop", both.about(3, "uninstalled", "2.2.8", 2, code="uninstalled", message="its claims stay"))
    with both.scope() as session:
        (one,) = fleet.cluster(session, name="shop").installations
    assert (one.outcome, one.running) == ("uninstalled", None)


def test_a_removal_that_fails_halts_its_generation(both: World) -> None:
    drop(both, "stable")
    both.settle()
    both.report("shop", both.about(2, "failed", "2.2.8", 2, running="2.2.8", code="claims_at_risk", message="no"))
    assert both.rollout("stable").state == "halted"


def test_a_cluster_without_it_arrives_with_its_next_call(both: World) -> None:
    both.enrol("new", "stable", key="bmV3")
    drop(both, "stable")
    both.settle()
    both.report("shop", both.about(2, "left", "2.2.8", 2, running="2.2.8"))
    assert both.rollout("stable").state == "rolling"
    both.report("new")
    assert both.rollout("stable").state == "completed"


def test_a_channel_that_the_file_names_no_more_is_left(both: World) -> None:
    both.publish_upstream("2.2.16")
    both.settle()
    assert both.promotion("2.2.16", "stable").state == "proposed"
    both.start(declare(channels=(EDGE,)))
    both.settle()
    assert (both.versions("stable"), both.versions("edge")) == ({}, {"miniflux": "2.2.16"})
    assert both.promotion("2.2.16", "stable").state == "cancelled"
    assert "its file does not name the channel" in both.promotion("2.2.8", "stable").state_reason


def test_another_namespace_is_refused_while_a_channel_has_the_application(both: World) -> None:
    moved = declare(namespace="elsewhere")
    with pytest.raises(Refused, match="while edge, stable have miniflux") as refused:
        both.start(moved)
    assert refused.value.code == "namespace_in_use"
    both.start(declare(timeout_seconds=600.0))
    drop(both, "edge")
    with pytest.raises(Refused, match="while stable has miniflux: "):
        both.start(moved)
    drop(both, "stable")
    both.start(moved)
    both.publish_upstream("2.2.16")
    both.settle()
    assert [request.base for request in both.harness.requests][-1] is None
    assert both.harness.requests[-1].candidate.namespace == "elsewhere"


def test_what_is_removed_leaves_every_channel_and_comes_back_with_its_approvals(both: World) -> None:
    with both.scope() as session:
        applications.application_remove(
            session, application="miniflux", reason="gone", actor="person:anna", now=both.now
        )
    both.settle()
    assert (both.versions("stable"), both.versions("edge")) == ({}, {})
    both.start()
    both.settle()
    assert both.versions("edge") == {"miniflux": "2.2.8"}
    both.wait(61)
    both.settle()
    assert both.versions("stable") == {"miniflux": "2.2.8"}
    both.report("shop", both.about(2, "healthy", "2.2.8", both.channel("stable").generation, running="2.2.8"))
    assert both.rollout("stable").state == "completed"


def test_publishing_and_leaving_at_once_wait_for_each_other(both: World, monkeypatch: pytest.MonkeyPatch) -> None:
    both.publish_upstream("2.2.10")
    both.settle()
    both.wait(61)
    both.settle()
    both.approve("2.2.10")
    promotion = both.promotion("2.2.10", "stable")
    assert promotion.state == "approved"
    take, is_publishing = lookups.take, Event()

    def take_slowly(session: Session, model: Any, row_id: int) -> Any:
        if model is Channel and not is_publishing.is_set():
            is_publishing.set()
            time.sleep(0.5)  # meanwhile the other one takes what it can get
        return take(session, model, row_id)

    def publish() -> None:
        with both.scope() as session:
            publications.promotion_publish(session, promotion_id=promotion.id, now=both.now)

    monkeypatch.setattr(lookups, "take", take_slowly)
    with ThreadPoolExecutor(2) as pool:
        ends = [pool.submit(publish)]
        assert is_publishing.wait(10)
        ends.append(pool.submit(drop, both, "stable"))
    assert [one.exception() for one in ends] == [None, None]
    assert both.promotion("2.2.10", "stable").state in ("cancelled", "left")
    assert both.promotion("2.2.8", "stable").state in ("left", "superseded")
