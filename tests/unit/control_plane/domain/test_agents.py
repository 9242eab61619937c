"""Which agents need an update, and why."""

from typing import Any

import pytest

from control_plane.domain.agents import AgentStanding, agent_standing, required_of


@pytest.mark.parametrize(
    ("facts", "required", "standing"),
    [
        ({}, {"kept-charts"}, AgentStanding("")),
        ({"agent_version": "0.2.0"}, set(), AgentStanding("0.2.0")),
        ({"agent_version": "0.2.0", "capabilities": ["kept-charts"]}, {"kept-charts"}, AgentStanding("0.2.0")),
        ({"agent_version": "0.3.0"}, set(), AgentStanding("0.3.0")),
        ({"agent_version": "0.1.0"}, set(), AgentStanding("0.1.0", "available", "this control plane is 0.2.0")),
        ({"agent_version": "built here"}, set(), AgentStanding("built here")),
        (
            {"agent_version": "0.1.0", "capabilities": ["kept-charts"]},
            {"kept-charts", "time-travel", "brewing"},
            AgentStanding("0.1.0", "needed", "it cannot take what its channel has (brewing, time-travel)"),
        ),
        (
            {"kubernetes": "1.36"},
            {"kept-charts"},
            AgentStanding("", "needed", "it cannot take what its channel has (kept-charts)"),
        ),
    ],
)
def test_an_agent_that_lacks_something_needs_an_update_and_an_older_one_may_have_one(
    facts: dict[str, Any], required: set[str], standing: AgentStanding
) -> None:
    assert agent_standing(facts, required=required, own_version="0.2.0") == standing


def test_what_a_channel_needs_is_what_any_of_its_applications_needs() -> None:
    applications = [{"name": "a"}, {"name": "b", "requires": ["x", "y"]}, {"name": "c", "requires": ["x"]}]
    assert required_of(applications) == {"x", "y"}
