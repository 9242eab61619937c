"""What a rehearsal's stages prove. PURE: outcomes come in, verdict, contract and reason come out.

A release is ``failed`` only by a stage that runs the release itself. What goes wrong before it runs (no cluster, the
base does not start, the suite fails on the base already) is ``errored``: nothing was learned about the candidate.
What goes wrong on the way back says how one may come back, not whether the release is good.

| stage           | runs      | when it fails                                      |
|-----------------|-----------|----------------------------------------------------|
| base-artifacts  | –         | errored                                            |
| artifacts       | –         | failed: what the release names does not exist      |
| cluster         | –         | errored                                            |
| base-install    | base      | errored                                            |
| base-seed       | base      | errored                                            |
| base-verify     | base      | errored                                            |
| backup          | base      | errored                                            |
| install         | candidate | failed                                             |
| seed            | candidate | failed                                             |
| upgrade         | candidate | failed                                             |
| verify          | candidate | failed                                             |
| rollback        | base      | passed; not reversible                             |
| rollback-verify | base      | passed; not reversible                             |
| restore         | base      | passed; one-way                                    |
| restore-verify  | base      | passed; one-way                                    |

Any stage that ends as ``errored`` (registry down, API server gone, our own bug) makes the run ``errored``.
"""

from collections.abc import Mapping
from typing import Literal

from cluster_agent.contract import RollbackContract
from test_harness.runner import StepState, Verdict

Stage = Literal[
    "base-artifacts",
    "artifacts",
    "cluster",
    "base-install",
    "base-seed",
    "base-verify",
    "backup",
    "install",
    "seed",
    "upgrade",
    "verify",
    "rollback",
    "rollback-verify",
    "restore",
    "restore-verify",
]
Outcomes = Mapping[Stage, StepState]

BEFORE: frozenset[Stage] = frozenset(
    {"base-artifacts", "cluster", "base-install", "base-seed", "base-verify", "backup"}
)
CANDIDATE: frozenset[Stage] = frozenset({"artifacts", "install", "seed", "upgrade", "verify"})


def decide_verdict(outcomes: Outcomes) -> Verdict:
    """Return the verdict of the whole run. A candidate that was never verified has not passed."""
    if "errored" in outcomes.values() or "running" in outcomes.values():
        return "errored"
    if any(outcomes.get(stage) == "failed" for stage in BEFORE):
        return "errored"
    if any(outcomes.get(stage) == "failed" for stage in CANDIDATE):
        return "failed"
    return "passed" if outcomes.get("verify") in ("passed", "skipped") else "errored"


def decide_contract(outcomes: Outcomes) -> RollbackContract:
    """Return how one comes back from the candidate to the base; ``unknown`` where that was not tried."""
    if decide_verdict(outcomes) != "passed" or "rollback" not in outcomes:
        return "unknown"
    if _works(outcomes, "rollback", "rollback-verify"):
        return "reversible"
    return "restore-required" if _works(outcomes, "restore", "restore-verify") else "one-way"


def blamed_stage(outcomes: Outcomes) -> Stage | None:
    """Return the stage that decided against the release, None when it passed."""
    if decide_verdict(outcomes) == "passed":
        return None
    by_weight = ("errored", "running", "failed")
    bad = [stage for state in by_weight for stage, outcome in outcomes.items() if outcome == state]
    return bad[0] if bad else None


def _works(outcomes: Outcomes, action: Stage, check: Stage) -> bool:
    return outcomes.get(action) == "passed" and outcomes.get(check) in ("passed", "skipped")
