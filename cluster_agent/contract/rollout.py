"""The rollout file: who may take a generation now. Signed by the online key; it can only hold back."""

from datetime import datetime

from cluster_agent.contract.manifest import Struct

ROLLOUT_FORMAT = 1


class Halt(Struct, frozen=True, kw_only=True):
    """Nobody takes the generation: ``reason`` in words."""

    reason: str
    since: datetime


class Wave(Struct, frozen=True, kw_only=True):
    """A part of the clusters: ``percent`` of all (0 to 100, cumulative), from ``opens_at`` on."""

    name: str
    percent: int
    opens_at: datetime


class Rollout(Struct, frozen=True, kw_only=True):
    """State of spreading one ``generation`` of ``channel``. No file, or one past ``expires``: wait."""

    channel: str
    generation: int
    expires: datetime
    waves: tuple[Wave, ...] = ()
    halted: Halt | None = None
    format: int = ROLLOUT_FORMAT
