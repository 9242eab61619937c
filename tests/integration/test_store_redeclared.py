"""A changed application file decides at once about what is open: channels named no more, rules that changed, channels that are new."""

import pytest

from control_plane.domain.applications import ChannelRule
from control_plane.services import publications
from control_plane.services.promotion_facts import promotion_guards
from control_plane.store import lookups, models
from tests.support.world import World, declare

pytestmark = pytest.mark.services

EDGE = ChannelRule(name="edge")


def stable(**changes: object) -> ChannelRule:
    fields: dict[str, object] = {"name": "stable", "after": "edge", "soak_seconds": 60.0, "approvals": 1}
    return ChannelRule(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture
def in_edge(world: World) -> World:
    """A world whose edge has 2.2.8, which soaks for stable."""
    world.start()
    world.publish_upstream("2.2.8")
    world.settle()
    assert world.promotion("2.2.8", "stable").state == "proposed"
    return world


def redeclare(world: World, *channels: ChannelRule) -> None:
    world.start(declare(channels=channels))
    world.settle()


def test_what_is_open_for_a_channel_that_is_named_no_more_is_cancelled(in_edge: World) -> None:
    redeclare(in_edge, EDGE)
    promotion = in_edge.promotion("2.2.8", "stable")
    assert (promotion.state, promotion.state_reason) == (
        "cancelled",
        "the application's file does not name the channel any more",
    )


def test_a_channel_that_gets_another_name_is_offered_what_the_one_before_it_has(in_edge: World) -> None:
    redeclare(in_edge, EDGE, stable(name="production"))
    assert in_edge.promotion("2.2.8", "stable").state == "cancelled"
    assert in_edge.promotion("2.2.8", "production").state_reason.startswith("soaks in edge until")


def test_fewer_approvals_and_a_shorter_soak_count_at_once(in_edge: World) -> None:
    redeclare(in_edge, EDGE, stable(soak_seconds=0.0))
    assert in_edge.promotion("2.2.8", "stable").state == "awaiting_approval"
    redeclare(in_edge, EDGE, stable(soak_seconds=0.0, approvals=0))
    assert in_edge.versions("stable") == {"miniflux": "2.2.8"}


def test_more_approvals_and_a_longer_soak_count_for_what_was_approved(in_edge: World) -> None:
    in_edge.wait(61)
    in_edge.settle()
    in_edge.approve("2.2.8")
    in_edge.start(declare(channels=(EDGE, stable(approvals=2, soak_seconds=3600.0))))
    assert in_edge.promotion("2.2.8", "stable").state_reason.startswith("soaks in edge until")
    in_edge.settle()
    assert in_edge.channel("stable").generation == 0
    in_edge.wait(3600)
    in_edge.settle()
    promotion = in_edge.promotion("2.2.8", "stable")
    assert (promotion.state, promotion.state_reason) == (
        "awaiting_approval",
        "needs 1 of 2 approvals; approved by person:ben",
    )


def test_a_channel_that_is_new_is_offered_what_the_one_before_it_has(in_edge: World) -> None:
    redeclare(in_edge, EDGE)
    redeclare(in_edge, EDGE, stable(soak_seconds=0.0, approvals=0), ChannelRule(name="canary"))
    assert in_edge.versions("stable") == {"miniflux": "2.2.8"}
    assert in_edge.versions("canary") == {"miniflux": "2.2.8"}


def test_what_a_person_took_out_of_a_channel_does_not_come_back_with_another_change(in_edge: World) -> None:
    redeclare(in_edge, EDGE, stable(soak_seconds=0.0, approvals=0))
    with in_edge.scope() as session:
        publications.channel_drop(
            session, channel="stable", application="miniflux", reason="moved", actor="person:anna", now=in_edge.now
        )
    redeclare(in_edge, EDGE, stable(soak_seconds=5.0, approvals=0))
    assert in_edge.versions("stable") == {}


def test_a_promotion_that_a_changing_file_overtook_is_shown_and_ends(in_edge: World) -> None:
    """The file is changed while a worker proposes: the promotion is written after the file was looked through."""
    in_edge.wait(61)
    in_edge.settle()
    promotion = in_edge.approve("2.2.8")
    redeclared = declare(channels=(EDGE,))
    with in_edge.scope() as session:
        application = lookups.application_named(session, "miniflux")
        application.declaration = {**application.declaration, "channels": [{"name": redeclared.channels[0].name}]}
    with in_edge.scope() as session:
        row = lookups.get(session, models.Promotion, promotion.id)
        assert promotion_guards(session, promotion=row, now=in_edge.now)[0].name == "declared"
    in_edge.settle()
    assert in_edge.promotion("2.2.8", "stable").state == "cancelled"


def test_approved_promotions_that_wait_do_not_keep_the_sweeper_busy(in_edge: World) -> None:
    in_edge.wait(61)
    in_edge.settle()
    in_edge.approve("2.2.8")
    in_edge.start(declare(channels=(EDGE, stable(soak_seconds=3600.0))))
    assert "promotion_publish" not in {nudge.work for nudge in in_edge.waiting()}
