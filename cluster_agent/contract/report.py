"""What an agent tells the control plane. Append-only; ``(cluster, sequence)`` makes a repeat harmless."""

from typing import Literal

import msgspec

from cluster_agent.contract.manifest import Instant, Struct

REPORT_FORMAT = 1

Outcome = Literal[
    "applying",  # the change has begun
    "healthy",  # the release runs and its checks pass
    "rolled_back",  # the change failed; the previous release runs again
    "failed",  # the change failed and the rollback too: help is needed
    "refused",  # nothing was changed: the channel's files or the cluster's own policy forbid it
    "observed",  # a sign of life, nothing changed
    "left",  # the channel names the application no more; it stays as it is
    "uninstalled",  # after it left: what could go without loss is gone
]


FIRST_OUTCOMES = frozenset({"applying", "healthy", "rolled_back", "failed", "refused", "observed"})
"""What every control plane understands; one that does not know another outcome gets it as ``observed``, with code and words."""


class Facts(Struct, frozen=True, kw_only=True):
    """Coarse facts of the cluster; nothing that names its users or workloads.

    ``capabilities`` is what its agent can do beyond the first format of a manifest.
    """

    kubernetes: str = ""
    architecture: str = ""
    storage_classes: tuple[str, ...] = ()
    agent_version: str = ""
    capabilities: tuple[str, ...] = ()


class Restored(Struct, frozen=True, kw_only=True):
    """Saved data was put back: what was written between the two moments is lost."""

    lost_from: Instant
    lost_until: Instant


class Report(Struct, frozen=True, kw_only=True):
    """One thing that happened.

    ``code`` is a stable machine word (``quota_exceeded``, ``timeout``, ``untrusted_signature`` …), ``message`` the same in words.
    ``running`` is the version in the cluster after the event. ``timings`` are seconds by step.
    ``restored`` says what a way back cost, where data was put back.
    """

    sequence: int
    at: Instant
    channel: str
    generation: int
    outcome: Outcome
    application: str | None = None
    release: str | None = None
    release_digest: str | None = None
    running: str | None = None
    code: str = ""
    message: str = ""
    attempt: int = 1
    timings: dict[str, float] = {}
    restored: Restored | None = None


class ReportBatch(Struct, frozen=True, kw_only=True):
    """Body of ``POST /api/agent/v1/reports``."""

    facts: Facts
    reports: tuple[Report, ...] = ()
    format: int = msgspec.field(default_factory=lambda: REPORT_FORMAT)


class ReportReceipt(Struct, frozen=True, kw_only=True):
    """Answer: everything up to and including ``accepted_sequence`` is stored and may be forgotten by the agent."""

    accepted_sequence: int
