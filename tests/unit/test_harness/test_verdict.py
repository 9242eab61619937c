"""The decision table of `test_harness.verdict`, row by row, and what holds for every combination."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from test_harness.runner import StepState
from test_harness.verdict import BEFORE, CANDIDATE, Stage, blamed_stage, decide_contract, decide_verdict

FIRST = ("artifacts", "cluster", "install", "seed", "verify")
FORWARD = (
    *("base-artifacts", "artifacts", "cluster", "base-install", "base-seed", "base-verify", "backup"),
    *("upgrade", "verify"),
)


def until(stage, state="failed", way=FORWARD):
    """Everything before `stage` passed, `stage` ended as `state`, nothing came after."""
    return dict.fromkeys(way[: way.index(stage)], "passed") | {stage: state}


def back(**ends):
    return dict.fromkeys(FORWARD, "passed") | {stage.replace("_", "-"): state for stage, state in ends.items()}


@pytest.mark.parametrize("stage", sorted(BEFORE))
def test_what_goes_wrong_before_the_candidate_runs_says_nothing(stage):
    assert decide_verdict(until(stage)) == "errored"


@pytest.mark.parametrize("stage", ["artifacts", "upgrade", "verify"])
def test_what_goes_wrong_with_the_candidate_fails_it(stage):
    assert decide_verdict(until(stage)) == "failed"
    assert blamed_stage(until(stage)) == stage
    assert decide_contract(until(stage)) == "unknown"


@pytest.mark.parametrize("stage", ["install", "seed", "verify"])
def test_a_first_release_fails_by_itself(stage):
    assert decide_verdict(until(stage, way=FIRST)) == "failed"


def test_a_first_release_has_no_contract():
    outcomes = until("verify", "passed", FIRST)
    assert (decide_verdict(outcomes), decide_contract(outcomes)) == ("passed", "unknown")


@pytest.mark.parametrize(
    ("ends", "contract"),
    [
        ({"rollback": "passed", "rollback_verify": "passed"}, "reversible"),
        ({"rollback": "passed", "rollback_verify": "skipped"}, "reversible"),
        ({"rollback": "failed"}, "one-way"),
        ({"rollback": "passed", "rollback_verify": "failed"}, "one-way"),
        ({"rollback": "failed", "restore": "failed"}, "one-way"),
        ({"rollback": "failed", "restore": "passed", "restore_verify": "failed"}, "one-way"),
        ({"rollback": "failed", "restore": "passed", "restore_verify": "passed"}, "restore-required"),
        (
            {"rollback": "passed", "rollback_verify": "failed", "restore": "passed", "restore_verify": "passed"},
            "restore-required",
        ),
    ],
)
def test_the_way_back_decides_the_contract_and_not_the_verdict(ends, contract):
    assert decide_verdict(back(**ends)) == "passed"
    assert decide_contract(back(**ends)) == contract


def test_a_way_back_that_could_not_be_tried_is_errored():
    outcomes = back(rollback="errored")
    assert (decide_verdict(outcomes), decide_contract(outcomes)) == ("errored", "unknown")
    assert blamed_stage(outcomes) == "rollback"


def test_nothing_done_is_no_pass():
    assert decide_verdict({}) == "errored"
    assert decide_verdict({"verify": "running"}) == "errored"


@given(st.dictionaries(st.sampled_from(get_args(Stage)), st.sampled_from(get_args(StepState))))
def test_for_any_outcomes_a_release_fails_by_its_own_stages_alone_and_passes_only_when_verified(outcomes):
    verdict = decide_verdict(outcomes)
    if verdict == "failed":
        assert blamed_stage(outcomes) is not None
        assert "failed" in {outcomes.get(stage) for stage in CANDIDATE}
        assert "errored" not in outcomes.values()
    if verdict == "passed":
        assert outcomes["verify"] in ("passed", "skipped")
        assert blamed_stage(outcomes) is None
    else:
        assert decide_contract(outcomes) == "unknown"
