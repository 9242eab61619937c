"""Rollout: has a generation arrived in the clusters?

A report of a failure halts the rollout of the very generation that it names, each time anew: also after a person let it go on.
A silent cluster counts neither way. A halt by a person is ended by a person alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cluster_agent.contract import Outcome
from control_plane.domain.lifecycle import Lifecycle, Move


class RolloutState(StrEnum):
    """Spreading one generation over the clusters of a channel."""

    PLANNED = "planned"
    ROLLING = "rolling"
    HALTED = "halted"
    COMPLETED = "completed"
    ABORTED = "aborted"


_S = RolloutState

ROLLOUT = Lifecycle(
    "rollout",
    _S.PLANNED,
    [
        Move(_S.PLANNED, _S.ROLLING, "its generation is published"),
        Move(_S.ROLLING, _S.HALTED, "a cluster rolled back or failed, or a person halts it"),
        Move(_S.HALTED, _S.ROLLING, "a person lets it go on"),
        Move(_S.ROLLING, _S.COMPLETED, "every cluster that counts is healthy on it"),
        *(Move(state, _S.ABORTED, "a newer generation replaces it") for state in (_S.PLANNED, _S.ROLLING, _S.HALTED)),
    ],
)

OPEN_STATES = (_S.PLANNED, _S.ROLLING, _S.HALTED)
HALTING_OUTCOMES: frozenset[Outcome] = frozenset({"rolled_back", "failed"})


def halt_reason(
    *, state: RolloutState, generation: int, cluster: str, reported_generation: int, outcome: Outcome, words: str
) -> str | None:
    """Return why a report halts the rollout of ``generation``, or None when it does not."""
    if state is not _S.ROLLING or reported_generation != generation or outcome not in HALTING_OUTCOMES:
        return None
    happened = "rolled back" if outcome == "rolled_back" else "failed and could not roll back"
    return f"{cluster} {happened}: {words or 'its agent gave no reason'}"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one enrolled cluster stands: ``generation`` is the newest that it reported all healthy."""

    cluster: str
    generation: int
    last_contact_at: datetime | None


@dataclass(frozen=True, slots=True)
class Health:
    """What a cluster last reported about one application."""

    outcome: str
    release_digest: str | None
    generation: int


def is_silent(last_contact_at: datetime | None, now: datetime, silent_after_seconds: float) -> bool:
    """Say whether a cluster did not call for too long. One that never called is silent."""
    return last_contact_at is None or now - last_contact_at > timedelta(seconds=silent_after_seconds)


def is_healthy_on(generation: int, wanted: Mapping[str, str], found: Mapping[str, Health]) -> bool:
    """Say whether a cluster is healthy on ``generation``. ``wanted`` maps application to release digest.

    A report about another digest or an earlier generation, though it says healthy, says nothing about this one.
    """
    return all(
        found.get(application) == Health("healthy", digest, generation) for application, digest in wanted.items()
    )


def is_complete(standings: Iterable[Standing], *, generation: int, now: datetime, silent_after_seconds: float) -> bool:
    """Say whether every cluster that counts is healthy on ``generation``. Where none counts nothing has arrived."""
    counting = [
        standing for standing in standings if not is_silent(standing.last_contact_at, now, silent_after_seconds)
    ]
    return bool(counting) and all(standing.generation >= generation for standing in counting)
