"""Detection: newest only, images first, moved tags, lost and early webhooks; superseding; a registry is not flooded."""

from typing import Any

import pytest
from sqlalchemy import select

from control_plane.domain.sources import Listing
from control_plane.services import looks, sources
from control_plane.services.applications import application_declare, application_remove
from control_plane.store import models
from tests.support.world import CHART, IMAGE, World, declare

pytestmark = pytest.mark.services


def chart_source(world: World) -> models.Source:
    with world.scope() as session:
        return session.scalars(select(models.Source).filter_by(location=CHART)).one()


def choice(world: World) -> str:
    with world.scope() as session:
        return session.scalars(select(models.Application.choice)).one()


def releases(world: World) -> dict[str, str]:
    with world.scope() as session:
        return {row.version: row.state for row in session.scalars(select(models.Release))}


def test_only_the_newest_becomes_a_release_and_older_ones_are_seen(world: World) -> None:
    for version in ("2.1.0", "2.2.0", "2.10.0", "1.0.0", "3.0.0-rc.1"):
        world.registry.release(version)
    world.start()
    world.settle()
    assert releases(world) == {"2.10.0": "verified"}
    with world.scope() as session:
        seen = session.scalars(select(models.SourceTag.name).join(models.Source).where(models.Source.location == CHART))
        assert sorted(seen) == ["1.0.0", "2.1.0", "2.10.0", "2.2.0", "3.0.0-rc.1"]


def test_a_look_with_nothing_new_costs_one_question(world: World) -> None:
    for minor in range(50):
        world.registry.release(f"2.{minor}.0")
    world.start()
    world.settle()
    for _ in range(5):
        world.wait(12)
        world.settle()
    before = world.registry.asked
    world.wait(12)
    world.settle()
    assert world.registry.asked - before == 1


def test_a_chart_waits_for_its_image(world: World) -> None:
    world.start()
    world.registry.push(CHART, "2.2.8")
    world.registry.push(IMAGE, "2.2.7")
    with world.scope() as session:
        sources.source_nudge(session, places=[CHART], now=world.now)
    world.settle()
    assert releases(world) == {}
    assert choice(world) == f"the chart 2.2.8 is there, the image {IMAGE}:2.2.8 is not yet"
    world.registry.push(IMAGE, "2.2.8")
    with world.scope() as session:
        assert len(sources.source_nudge(session, places=[IMAGE], now=world.now)) == 1
    world.settle()
    assert releases(world) == {"2.2.8": "verified"}


def test_a_moved_tag_warns_and_the_release_stays(world: World) -> None:
    world.start()
    world.publish_upstream("2.2.8")
    world.settle()
    before = world.release("2.2.8")
    world.registry.push(CHART, "2.2.8", "sha256:" + "f" * 64)
    world.wait(3600)
    world.settle()
    assert world.release("2.2.8").chart_digest == before.chart_digest
    assert [event.data["tag"] for event in world.audit("source.tag_moved")] == ["2.2.8"]
    world.wait(3600)
    world.settle()
    assert len(world.audit("source.tag_moved")) == 1


def test_a_webhook_during_a_look_is_not_forgotten(world: World) -> None:
    world.start()
    world.settle()

    class Slow:
        """The new version appears, and its webhook comes, just after the tags were read."""

        def listing(self, spec: Any, account: str, memo: Any) -> Any:
            world.publish_upstream("2.2.8")
            return Listing(tags=(), memo={})

        detail = world.registry.detail

    world.wait(100)
    looks.source_look(source_id=chart_source(world).id, reader=Slow(), clock=world.clock, jitter=0.0, scope=world.scope)
    assert releases(world) == {}
    world.wait(1)
    world.settle()
    assert releases(world) == {"2.2.8": "verified"}


def test_a_look_that_was_killed_is_done_again_after_its_lease(world: World) -> None:
    world.start()
    world.settle()
    world.registry.release("2.2.8")
    world.wait(100)
    with world.scope() as session:
        assert looks.looks_take(session, source_ids=[chart_source(world).id], now=world.now)
    world.settle()
    assert releases(world) == {}
    world.wait(looks.LEASE_SECONDS)
    world.settle()
    assert releases(world) == {"2.2.8": "verified"}


def test_a_newer_version_supersedes_one_that_waits(world: World) -> None:
    world.start()
    world.publish_upstream("2.2.8")
    for nudge in world.waiting():
        world.do(nudge)
    world.publish_upstream("2.2.10")
    world.wait(1)
    for work in ("source_look", "application_choose"):
        world.do(next(nudge for nudge in world.waiting() if nudge.work == work))
    assert releases(world) == {"2.2.8": "superseded", "2.2.10": "discovered"}
    world.settle()
    assert [request.candidate.release for request in world.harness.requests] == ["2.2.10"]


def test_a_chart_that_does_not_render_fails_and_a_person_may_ask_again(world: World) -> None:
    world.start(declare(images=()))
    world.publish_upstream("2.2.8")
    world.registry.content[CHART]["2.2.9"] = "sha256:" + "9" * 64
    del world.registry.content[IMAGE]
    world.settle()
    assert releases(world) == {"2.2.9": "failed"}
    assert f"no {IMAGE}:2.2.9" in world.release("2.2.9").state_reason
    world.registry.push(IMAGE, "2.2.9")
    from control_plane.services.releases import release_requeue

    with world.scope() as session:
        release_requeue(
            session, release_id=world.release("2.2.9").id, reason="pushed", actor="person:anna", now=world.now
        )
    world.settle()
    assert releases(world) == {"2.2.9": "verified"}


def test_declaring_again_changes_nothing_and_removing_stops_all(world: World) -> None:
    world.start()
    world.publish_upstream("2.2.8")
    world.settle()
    before = len(world.audit())
    with world.scope() as session:
        application_declare(session, declaration=declare(), suite=None, actor="person:ben", now=world.now)
    assert len(world.audit()) == before
    with world.scope() as session:
        application_remove(session, application="miniflux", reason="gone", actor="person:ben", now=world.now)
    world.registry.release("2.2.16")
    world.wait(100)
    world.settle()
    assert releases(world) == {"2.2.8": "verified"}
    assert world.promotion("2.2.8", "stable").state == "cancelled"
    assert world.versions("edge") == {}
    world.start()
    world.settle()
    assert releases(world) == {"2.2.8": "verified", "2.2.16": "verified"}
