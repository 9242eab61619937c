"""The API's rows. Times are aware; states are the words of the domain."""

from datetime import datetime
from typing import Any

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every row."""


class UpstreamRow(Row, frozen=True, kw_only=True):
    """What an application wants of a place, and what the last look there found.

    ``policy`` is in words, ``place`` where the source is; ``next_look_at`` is None where it is asked for with each release.
    """

    role: str
    alias: str
    kind: str
    place: str
    policy: str
    newest: str | None
    reason: str
    last_look_at: datetime | None
    next_look_at: datetime | None
    changed_at: datetime | None
    unknown_since: datetime | None
    last_error: str | None


class SourceRow(Row, frozen=True, kw_only=True):
    """A place that is looked at, once for all ``applications`` that name it. ``tags`` are those listed now."""

    id: int
    kind: str
    place: str
    applications: list[str]
    tags: int
    last_look_at: datetime | None
    next_look_at: datetime | None
    changed_at: datetime | None
    unknown_since: datetime | None
    last_error: str | None
    failures: int


class AccountRow(Row, frozen=True, kw_only=True):
    """An account without its secret. ``id`` is of a stored one; ``origin`` says where another comes from.

    ``kind`` is empty where only reading it would tell. ``used_at`` and ``refused_at`` are to the minute.
    """

    id: int | None
    origin: str
    host: str
    path: str
    application: str
    kind: str
    username: str
    created_at: datetime | None
    created_by: str
    used_at: datetime | None
    refused_at: datetime | None
    refusal: str

    @property
    def is_refused(self) -> bool:
        """Whether it was refused when it was shown last."""
        return self.refused_at is not None and (self.used_at is None or self.refused_at > self.used_at)


class HostKeyRow(Row, frozen=True, kw_only=True):
    """A key of an SSH server that a person accepted."""

    host: str
    kind: str
    fingerprint: str
    accepted_at: datetime
    accepted_by: str


class QuarantineRow(Row, frozen=True, kw_only=True):
    """Tags of an application that a person keeps out, until ``until`` (None: until it is lifted)."""

    id: int
    pattern: str
    reason: str
    author: str
    created_at: datetime
    until: datetime | None


class ReleaseRow(Row, frozen=True, kw_only=True):
    """One release and its fitness."""

    application: str
    version: str
    state: str
    state_reason: str
    state_since: datetime
    discovered_at: datetime
    discovered_by: str
    digest: str | None


class ApplicationRow(Row, frozen=True, kw_only=True):
    """One line of the overview: the newest release, and what each channel has."""

    name: str
    newest: str | None
    state: str
    channels: dict[str, str | None]


class ApplicationDetail(Row, frozen=True, kw_only=True):
    """One application whole."""

    name: str
    declaration: dict[str, Any]
    choice: str
    upstreams: list[UpstreamRow]
    releases: list[ReleaseRow]


class StepRow(Row, frozen=True, kw_only=True):
    """One step of a run."""

    name: str
    title: str
    state: str
    message: str
    started_at: datetime
    ended_at: datetime | None


class RunRow(Row, frozen=True, kw_only=True):
    """One rehearsal."""

    id: int
    base: str | None
    verdict: str | None
    reason: str
    contract: str
    started_at: datetime
    ended_at: datetime | None
    kubernetes: str
    steps: list[StepRow]
    evidence: list[Any]


class UpgradeRow(Row, frozen=True, kw_only=True):
    """The upgrade that a channel's clusters would make. ``contract`` and ``run`` are null where it was not rehearsed."""

    before: str
    after: str
    contract: str | None
    run: int | None
    rehearsed_from: list[str]
    is_rehearsed: bool
    words: str


class PromotionRow(Row, frozen=True, kw_only=True):
    """One release on its way into one channel. ``upgrade`` is null once it is over, and where the channel has nothing to upgrade from."""

    id: int
    application: str
    version: str
    channel: str
    state: str
    state_reason: str
    state_since: datetime
    waits_until: datetime | None
    approvals_needed: int
    approvals: list[str]
    release_digest: str
    generation: int | None
    upgrade: UpgradeRow | None


class ReleaseDetail(ReleaseRow, frozen=True, kw_only=True):
    """One release whole: what would run, its rehearsals, its promotions.

    ``notes``: what publishers say, by upstream. ``chart_lost``: why clusters cannot get its chart from here; mostly empty.
    """

    manifest: dict[str, Any] | None
    notes: dict[str, dict[str, Any]]
    chart_lost: str
    attempts: int
    runs: list[RunRow]
    promotions: list[PromotionRow]


class ChannelRow(Row, frozen=True, kw_only=True):
    """One channel and what it holds: application → version."""

    name: str
    generation: int
    published_at: datetime | None
    applications: dict[str, str]


class InstallationRow(Row, frozen=True, kw_only=True):
    """One application in one cluster, as its agent said last."""

    application: str
    running: str | None
    wanted: str | None
    outcome: str
    generation: int
    code: str
    message: str
    since: datetime


class AgentRow(Row, frozen=True, kw_only=True):
    """A cluster's agent. ``update`` is empty, ``available`` or ``needed``; ``words`` says why."""

    version: str
    update: str
    words: str


class ClusterRow(Row, frozen=True, kw_only=True):
    """One cluster."""

    name: str
    channel: str
    enrolled_at: datetime | None
    last_contact_at: datetime | None
    generation: int
    facts: dict[str, Any]
    agent: AgentRow
    labels: dict[str, str]
    installations: list[InstallationRow]


class ReportRow(Row, frozen=True, kw_only=True):
    """One report as the agent sent it."""

    sequence: int
    at: datetime
    generation: int
    application: str | None
    release: str | None
    outcome: str
    code: str
    message: str


class RolloutRow(Row, frozen=True, kw_only=True):
    """One generation on its way."""

    id: int
    channel: str
    generation: int
    state: str
    state_reason: str
    state_since: datetime


class AuditRow(Row, frozen=True, kw_only=True):
    """Who, what, from, to, why."""

    id: int
    at: datetime
    actor: str
    action: str
    subject_type: str
    subject: str
    from_state: str | None
    to_state: str | None
    reason: str
