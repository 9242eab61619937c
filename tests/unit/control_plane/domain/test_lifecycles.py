"""The lifecycles: what terminal means, and that the page says what the tables say."""

from enum import StrEnum
from pathlib import Path

import pytest

from control_plane.domain.errors import Refused
from control_plane.domain.lifecycle import Lifecycle
from control_plane.domain.lifecycle_page import page
from control_plane.domain.promotions import PROMOTION
from control_plane.domain.releases import RELEASE
from control_plane.domain.rollouts import ROLLOUT

ALL = (RELEASE, PROMOTION, ROLLOUT)


def test_the_page_is_made_from_the_tables() -> None:
    written = Path(__file__).resolve().parents[4] / "docs" / "lifecycles.md"
    assert written.read_text(encoding="utf-8") == page(), (
        "make it anew: python -m control_plane.domain.lifecycle_page > docs/lifecycles.md"
    )


@pytest.mark.parametrize("lifecycle", ALL, ids=lambda lifecycle: lifecycle.name)
def test_every_state_is_reached_and_only_allowed_moves_pass(lifecycle: Lifecycle[StrEnum]) -> None:
    states = list(type(lifecycle.initial))
    assert {move.target for move in lifecycle.moves} | {lifecycle.initial} == set(states)
    for source in states:
        for target in states:
            if lifecycle.allows(source, target):
                lifecycle.check(source, target)
            else:
                with pytest.raises(Refused, match="cannot become"):
                    lifecycle.check(source, target)


@pytest.mark.parametrize(
    ("lifecycle", "terminal"),
    [
        (RELEASE, {"rejected", "superseded", "withdrawn"}),
        (PROMOTION, {"superseded", "recalled", "left", "rejected", "cancelled"}),
        (ROLLOUT, {"completed", "aborted"}),
    ],
)
def test_terminal_states_have_no_exits(lifecycle: Lifecycle[StrEnum], terminal: set[str]) -> None:
    assert {state for state in type(lifecycle.initial) if lifecycle.is_terminal(state)} == terminal
