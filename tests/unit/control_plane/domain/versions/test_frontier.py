"""K8sUpdater's frontier: what its own tests and pages say, and what Tidegate makes of them."""

from datetime import UTC, datetime

import pytest

from control_plane.domain.versions.dialects import frontier
from control_plane.domain.versions.policy import Context, Policy, Tag
from control_plane.domain.versions.ranges import InvalidRange
from control_plane.domain.versions.selection import choose, explain

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("current", "newer", "limit", "decision"),
    [
        ("5.3.2.0", "5.3.2.1", 2, "update"),
        ("5.3.2.0", "5.3.3.2", 2, "update"),
        ("5.3.2.0", "5.4.1", 2, "notify"),
        ("3.2.0", "3.2.1", -1, "update"),
        ("3.2.0", "3.2.1", 0, "update"),
        ("3.2.0", "3.2.1", 5, "update"),
        ("3.2.2", "4.2.1", 2, "notify"),
        ("3.2.2", "4.2.5", 2, "notify"),
        ("3.2.2", "3.2.5", 2, "update"),
        ("3.2.5", "3.2.5", 2, "notify"),
        ("3.1.2.1", "3.2.1", 5, "update"),
        ("3.1.2.1", "3.2.1", 2, "notify"),
        ("3.1.2.1", "3.2.5", 2, "notify"),
        ("3.1.2.1", "3.1.5", 2, "update"),
        ("3.1.2", "3.2.1.1", 5, "update"),
        ("3.1.2", "3.2.1.1", 2, "notify"),
        ("3.1.2", "3.1.5.1", 2, "update"),
        ("3.1.5", "3.1.5.1", 2, "update"),
        ("1.2.9", "1.2.10", 2, "update"),
        ("1.9.0", "1.10.0", 2, "notify"),
        ("1.9.0", "1.10.0", 1, "update"),
        ("1.3.0", "1.2.9", 2, "notify"),
        ("3.1.2.1", "4.2", 3, "notify"),
    ],
)
def test_decisions(current: str, newer: str, limit: int, decision: str) -> None:
    assert frontier.decide(frontier.read_numbers(current), frontier.read_numbers(newer), limit) == decision


@pytest.mark.parametrize("text", ["", "latest", "1..2", "1.2.x", "1" * 300])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(InvalidRange):
        frontier.read_numbers(text)


@pytest.mark.parametrize(
    ("current", "exists", "prefers", "decision"),
    [
        ("latest", True, True, "update"),
        ("latest", True, False, "notify"),
        ("latest", False, True, "notify"),
        ("3.2.1", True, True, "notify"),
    ],
)
def test_latest(current: str, exists: bool, prefers: bool, decision: str) -> None:
    assert frontier.latest_decision(current, newer_exists=exists, prefers_latest=prefers) == decision


@pytest.mark.parametrize(
    ("one", "other", "comparable"),
    [
        ("3.2.1-alpine", "3.2.2-alpine", True),
        ("3.2.1-alpine", "3.2.2", False),
        ("3.2.1", "3.2.2-alpine", False),
        ("3.2.1-alpine", "3.2.2-bullseye", False),
        ("3.2.1", "v3.2.2", True),
        ("3.2.1", "latest", False),
    ],
)
def test_variants(one: str, other: str, comparable: bool) -> None:
    assert frontier.are_comparable(one, other) == comparable


@pytest.mark.parametrize("rule", ["", "two", "1.5", "2 3"])
def test_what_is_no_frontier_is_refused(rule: str) -> None:
    with pytest.raises(InvalidRange, match="is no frontier"):
        frontier.compile_frontier(rule, current="")


@pytest.mark.parametrize(
    ("rule", "current", "tags", "chosen"),
    [
        ("2", "5.3.2.0", "5.3.2.0 5.3.2.1 5.3.10 5.4.1", "5.3.10"),
        ("2", "", "5.3.2.0 6.0", "6.0"),
        ("0", "5.3.2", "5.3.2 6.0.0", "6.0.0"),
        ("*", "5.3.2", "5.3.2 6.0.0", "6.0.0"),
        ("2", "3.2.1-alpine", "3.2.1-alpine 3.2.2 3.2.3-alpine", "3.2.3-alpine"),
        ("2", "5.3.2", "5.2.9", None),
        ("2", "latest", "latest 1.0", "1.0"),
    ],
)
def test_chosen(rule: str, current: str, tags: str, chosen: str | None) -> None:
    policy, context = Policy(dialect="frontier", rule=rule), Context(now=NOW, current=current)
    choice = choose(policy, [Tag(name=tag) for tag in tags.split()], context)
    assert (choice.tag if choice else None) == chosen


def test_a_change_before_the_frontier_is_told_to_a_person() -> None:
    policy, context = Policy(dialect="frontier", rule="2"), Context(now=NOW, current="5.3.2")
    verdicts = {one.tag: one.reason for one in explain(policy, [Tag(name="5.4.0"), Tag(name="5.3.2")], context)}
    assert verdicts["5.4.0"] == "changes a number before the frontier 2: a person has to take it"
