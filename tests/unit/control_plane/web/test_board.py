"""What the overview says of a fleet: the rollout that matters, and no other."""

from datetime import UTC, datetime

import pytest

from control_plane.store.queries.overview import (
    ApplicationFacts,
    FleetCount,
    OverviewFacts,
    PromotionFacts,
    RolloutFacts,
)
from control_plane.web.dashboard.board import board

NOW = datetime(2026, 11, 25, tzinfo=UTC)
EDGE, STABLE = 1, 2


def shown(edge: str, stable: str, clusters: dict[int, int], generation: int = 3) -> str:
    """Return the rollout that the overview shows of an application which both channels have since generation 3."""
    promotions = tuple(
        PromotionFacts(1, channel, 1, "2.2.18", name, channel, "published", "", NOW, None, 3)
        for channel, name in ((EDGE, "edge"), (STABLE, "stable"))
    )
    facts = OverviewFacts(
        applications=(ApplicationFacts(1, "miniflux", "", ("edge", "stable")),),
        upstreams=(),
        releases=(),
        promotions=promotions,
        fleet=(FleetCount("miniflux", STABLE, "2.2.16", "rolled_back", 1),),
        clusters=clusters,
        rollouts={EDGE: RolloutFacts(1, edge, generation), STABLE: RolloutFacts(2, stable, generation)},
    )
    return board(facts).rows[0].fleet.rollout


@pytest.mark.parametrize(
    ("edge", "stable", "clusters", "state"),
    [
        ("rolling", "halted", {STABLE: 1}, "halted"),
        ("rolling", "halted", {EDGE: 1, STABLE: 1}, "halted"),
        ("rolling", "completed", {STABLE: 1}, ""),
        ("rolling", "completed", {EDGE: 1, STABLE: 1}, "rolling"),
        ("halted", "rolling", {EDGE: 1, STABLE: 1}, "halted"),
    ],
)
def test_a_halted_rollout_is_shown_first_and_none_that_no_cluster_follows(
    edge: str, stable: str, clusters: dict[int, int], state: str
) -> None:
    assert shown(edge, stable, clusters) == state


def test_a_rollout_of_a_generation_that_changed_others_is_not_shown() -> None:
    assert shown("rolling", "halted", {STABLE: 1}, generation=4) == ""
