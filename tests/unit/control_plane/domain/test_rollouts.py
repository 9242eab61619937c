"""Halting and completing a rollout; retries and leases; what a recall falls back to."""

from datetime import UTC, datetime, timedelta

import pytest

from control_plane.domain.channels import Former, fallback
from control_plane.domain.retries import backoff, is_free, next_rehearsal
from control_plane.domain.rollouts import (
    Health,
    RolloutState,
    Standing,
    halt_reason,
    is_complete,
    is_healthy_on,
    is_silent,
)

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
REPORT = {
    "state": RolloutState.ROLLING,
    "generation": 4,
    "cluster": "home",
    "reported_generation": 4,
    "outcome": "rolled_back",
    "words": "exceeded quota",
}


def test_a_failure_of_this_generation_halts_with_its_reason() -> None:
    assert halt_reason(**REPORT) == "home rolled back: exceeded quota"  # type: ignore[arg-type]
    failed = {**REPORT, "outcome": "failed", "words": ""}
    assert halt_reason(**failed) == "home failed and could not roll back: its agent gave no reason"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"state": RolloutState.HALTED},
        {"state": RolloutState.COMPLETED},
        {"state": RolloutState.ABORTED},
        {"reported_generation": 3},
        {"outcome": "healthy"},
        {"outcome": "refused"},
        {"outcome": "observed"},
    ],
)
def test_nothing_else_halts(change: dict[str, object]) -> None:
    assert halt_reason(**{**REPORT, **change}) is None  # type: ignore[arg-type]


def standing(generation: int, seconds_ago: float | None = 0) -> Standing:
    contact = None if seconds_ago is None else NOW - timedelta(seconds=seconds_ago)
    return Standing("a", generation, contact)


@pytest.mark.parametrize(
    ("standings", "complete"),
    [
        ([], False),
        ([standing(4)], True),
        ([standing(4), standing(5)], True),
        ([standing(4), standing(3)], False),
        ([standing(4), standing(3, seconds_ago=601)], True),
        ([standing(4), standing(0, seconds_ago=None)], True),
        ([standing(3, seconds_ago=601)], False),
    ],
)
def test_complete_when_every_cluster_that_counts_is_healthy(standings: list[Standing], complete: bool) -> None:
    assert is_complete(standings, generation=4, now=NOW, silent_after_seconds=600) is complete


def test_silence_begins_after_its_time() -> None:
    assert not is_silent(NOW - timedelta(seconds=600), NOW, 600)
    assert is_silent(NOW - timedelta(seconds=601), NOW, 600)


@pytest.mark.parametrize(
    ("found", "healthy"),
    [
        ({"a": Health("healthy", "sha256:new", 4)}, True),
        ({"a": Health("healthy", "sha256:old", 4)}, False),
        ({"a": Health("healthy", "sha256:new", 3)}, False),
        ({"a": Health("rolled_back", "sha256:new", 4)}, False),
        ({}, False),
    ],
)
def test_health_counts_for_the_digest_and_generation_that_are_wanted(found: dict[str, Health], healthy: bool) -> None:
    assert is_healthy_on(4, {"a": "sha256:new"}, found) is healthy


def test_backoff_doubles_up_to_its_cap() -> None:
    seconds = [backoff(count, base=5, cap=60).total_seconds() for count in range(1, 8)]
    assert seconds == [5, 10, 20, 40, 60, 60, 60]
    assert backoff(10_000, base=5, cap=60, jitter=1.0).total_seconds() == 75


def test_rehearsals_are_retried_within_their_limit() -> None:
    assert next_rehearsal(NOW, attempts=1, limit=3) == NOW + timedelta(seconds=5)
    assert next_rehearsal(NOW, attempts=3, limit=3) is None


def test_a_lease_is_free_when_it_was_not_renewed() -> None:
    assert is_free(None, NOW)
    assert is_free(NOW, NOW)
    assert not is_free(NOW + timedelta(seconds=1), NOW)


def test_a_recall_goes_back_to_the_latest_that_is_fit() -> None:
    former = [Former(1, 1, True), Former(2, 2, True), Former(3, 3, False), Former(4, 4, True)]
    assert fallback(former, recalled_release_id=4) == Former(2, 2, True)
    assert fallback([Former(4, 4, True)], recalled_release_id=4) is None
