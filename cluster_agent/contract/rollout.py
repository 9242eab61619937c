"""The rollout file: who may take a generation now. Signed by the online key; it can only hold back."""

import hashlib
from datetime import datetime
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


def place_of(cluster: str, channel: str, generation: int) -> int:
    """Return where ``cluster`` stands among all, 0 to 99: another place for each generation, so that nobody is always first."""
    digest = hashlib.sha256(f"{cluster}\n{channel}\n{generation}".encode()).digest()
    return int.from_bytes(digest[:8]) % 100


def opens_for(rollout: Rollout, cluster: str) -> datetime | None:
    """Return when the first wave that holds ``cluster`` opens; None where no wave holds it yet."""
    place = place_of(cluster, rollout.channel, rollout.generation)
    return min((wave.opens_at for wave in rollout.waves if place < wave.percent), default=None)
