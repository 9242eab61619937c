"""Rollout: has a generation arrived in the clusters?"""

from enum import StrEnum

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
