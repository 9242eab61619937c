"""Whether the upgrade that a channel's clusters would make was rehearsed is told with its promotion, on SQLite and PostgreSQL alike."""

import pytest

from control_plane.services.promotion_facts import promotion_guards
from control_plane.store import lookups, models
from control_plane.store.reads import releases
from control_plane.store.reads.rows import PromotionRow
from tests.support.world import World

pytestmark = pytest.mark.services


def bring(world: World, version: str) -> None:
    """A version passes its rehearsal, enters edge and soaks."""
    world.publish_upstream(version)
    world.settle()
    world.wait(61)
    world.settle()


def row(world: World, version: str) -> PromotionRow:
    """The promotion into stable, as the API tells it."""
    with world.scope() as session:
        rows = releases.promotions(session, application="miniflux")
    return next(one for one in rows if (one.version, one.channel) == (version, "stable"))


def guard(world: World, version: str) -> tuple[str, str] | None:
    """State and words of the guard about the upgrade, None where there is none."""
    promotion_id = world.promotion(version, "stable").id
    with world.scope() as session:
        promotion = lookups.get(session, models.Promotion, promotion_id)
        found = promotion_guards(session, promotion=promotion, now=world.now)
    return next(((one.state, one.words) for one in found if one.name == "upgrade"), None)


@pytest.fixture
def in_stable(world: World) -> World:
    """A world whose stable has 2.2.8."""
    world.start()
    bring(world, "2.2.8")
    assert (row(world, "2.2.8").upgrade, guard(world, "2.2.8")) == (None, None), "stable has nothing to upgrade from"
    world.approve("2.2.8")
    world.settle()
    return world


def test_the_next_release_was_rehearsed_from_what_stable_has(in_stable: World) -> None:
    bring(in_stable, "2.2.16")
    upgrade = row(in_stable, "2.2.16").upgrade
    assert upgrade is not None
    assert (upgrade.before, upgrade.contract, upgrade.is_rehearsed) == ("2.2.8", "reversible", True)
    assert guard(in_stable, "2.2.16") == (
        "done",
        f"the upgrade 2.2.8 → 2.2.16 was rehearsed in run {upgrade.run}: reversible",
    )
    in_stable.approve("2.2.16")
    in_stable.settle()
    assert row(in_stable, "2.2.16").upgrade is None, "it is over"


def test_a_later_release_was_rehearsed_from_another_one_and_that_is_told_before_anybody_agrees(
    in_stable: World,
) -> None:
    bring(in_stable, "2.2.16")
    bring(in_stable, "2.3.0")
    waiting = row(in_stable, "2.3.0")
    assert waiting.state == "awaiting_approval"
    words = "this upgrade was not rehearsed: 2.2.8 → 2.3.0 (only from 2.2.16)"
    assert waiting.upgrade is not None
    assert (waiting.upgrade.is_rehearsed, waiting.upgrade.contract, waiting.upgrade.words) == (False, None, words)
    assert guard(in_stable, "2.3.0") == ("unproved", words)
    in_stable.approve("2.2.16")
    in_stable.settle()
    upgrade = row(in_stable, "2.3.0").upgrade
    assert upgrade is not None
    assert (upgrade.before, upgrade.is_rehearsed) == ("2.2.16", True), "stable has what it was rehearsed from now"
