"""The rollout file: who may take a generation now. Signed by the online key; it can only hold back."""

from typing import Annotated

import msgspec

from cluster_agent.contract.manifest import Generation, Instant, Struct

ROLLOUT_FORMAT = 1


class Halt(Struct, frozen=True, kw_only=True):
    """Nobody takes the generation: ``reason`` in words."""

    reason: str
    since: Instant


class Wave(Struct, frozen=True, kw_only=True):
    """A part of the clusters: ``percent`` of all (0 to 100, cumulative), from ``opens_at`` on."""

    name: str
    percent: Annotated[int, msgspec.Meta(ge=0, le=100)]
    opens_at: Instant


class Rollout(Struct, frozen=True, kw_only=True):
    """State of spreading one ``generation`` of ``channel``. No file, or one past ``expires``: wait."""

    channel: str
    generation: Generation
    expires: Instant
    waves: tuple[Wave, ...] = ()
    halted: Halt | None = None
    format: int = msgspec.field(default_factory=lambda: ROLLOUT_FORMAT)
