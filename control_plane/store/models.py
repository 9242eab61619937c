"""The tables of the domain. One owner per fact; an actor is an immutable string; states are the values of the domain's enums."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from control_plane.store import account_models  # noqa: F401  its tables belong to the same metadata
from control_plane.store.base import Base


class Application(Base):
    """A declared application. ``declaration`` is the canonical JSON of ``domain.applications.Declaration``.

    ``file`` is the application file that it was read from, with its comments; empty where it came without one.

    ``choose_at``: when its upstreams' tags are weighed again (something changed, an age is reached); ``choose_lease``: by one at a time.
    ``choice``: what came of it last, in words. ``removed_at``: nothing new is looked for or promoted; what its channels have
    stays. Declaring it again clears it.
    """

    __tablename__ = "application"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    declaration: Mapped[dict[str, Any]]
    file: Mapped[str] = mapped_column(Text, default="", server_default="")
    declared_at: Mapped[datetime]
    declared_by: Mapped[str]
    webhook_secret_sha256: Mapped[str | None]
    choose_at: Mapped[datetime | None] = mapped_column(index=True)
    choose_lease: Mapped[datetime | None]
    choice: Mapped[str] = mapped_column(Text, default="", server_default="")
    poll_seconds: Mapped[float] = mapped_column(default=60.0, server_default="60")
    cron: Mapped[str | None]
    cron_zone: Mapped[str | None]
    removed_at: Mapped[datetime | None]

    upstreams: Mapped[list["Upstream"]] = relationship(back_populates="application", cascade="all, delete-orphan")
    releases: Mapped[list["Release"]] = relationship(back_populates="application")


class SuiteArchive(Base):
    """A packed suite folder (tar.gz), named by its digest."""

    __tablename__ = "suite_archive"

    digest: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[bytes]
    stored_at: Mapped[datetime]


class Rendering(Base):
    """What releases render, secrets hidden: packed JSON of ``domain.rendered.RenderedObject``, named by its digest."""

    __tablename__ = "rendering"

    digest: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[bytes]
    stored_at: Mapped[datetime]


class Source(Base):
    """A place where versions appear, looked at once for every application that names it with the same account.

    ``key`` is the SHA-256 of ``spec`` (JSON of ``domain.sources.SourceSpec``) and ``account``; ``location`` is for people and webhooks.
    ``next_look_at`` is None where nobody polls it: images with their chart's tag are asked for when that tag is chosen.
    ``memo`` is what the next look sends along (ETags, hashes), so that an unchanged place costs one conditional request.
    ``unknown_since`` is set while the place does not answer: nothing is concluded from that. ``lease_until``: one look at a time,
    also with several workers. ``log_length`` and ``log_head`` are the end of its first-seen log.
    """

    __tablename__ = "source"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    location: Mapped[str] = mapped_column(Text)
    spec: Mapped[dict[str, Any]]
    account: Mapped[str] = mapped_column(default="")
    next_look_at: Mapped[datetime | None] = mapped_column(index=True)
    last_look_at: Mapped[datetime | None]
    changed_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    memo: Mapped[dict[str, Any]] = mapped_column(default=dict)
    unknown_since: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)
    failures: Mapped[int] = mapped_column(default=0)
    log_length: Mapped[int] = mapped_column(default=0)
    log_head: Mapped[str] = mapped_column(default="")

    upstreams: Mapped[list["Upstream"]] = relationship(back_populates="source")


class Host(Base):
    """A host that is asked by this installation: what all its processes know of it (JSON of ``upstreams.politeness.Manners``)."""

    __tablename__ = "host"

    name: Mapped[str] = mapped_column(primary_key=True)
    manners: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime]


class SourceTag(Base):
    """A tag as it is now. ``digest`` is empty until somebody had to know it; ``gone_at``: not listed any more.

    ``detail`` is the JSON of what else is known (``versions.policy.Tag`` without these columns, and release notes).
    """

    __tablename__ = "source_tag"
    __table_args__ = (UniqueConstraint("source_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("source.id", ondelete="CASCADE"))
    name: Mapped[str]
    digest: Mapped[str] = mapped_column(default="")
    first_seen_at: Mapped[datetime]
    moved_at: Mapped[datetime | None]
    gone_at: Mapped[datetime | None]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)


class FirstSight(Base):
    """One row of a source's first-seen log: append-only, each row carries the hash of the one before (``domain.first_seen``).

    A tag is written when it is first listed (``digest`` empty) and again with each digest that it was ever seen to name.
    """

    __tablename__ = "first_sight"
    __table_args__ = (UniqueConstraint("source_id", "position"), Index("ix_first_sight_tag", "source_id", "tag"))

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"))
    position: Mapped[int]
    tag: Mapped[str]
    digest: Mapped[str]
    first_seen_at: Mapped[datetime]
    seen_by: Mapped[str]
    sha256: Mapped[str]


class LogCheck(Base):
    """A check of every first-seen log, done in parts: every source up to the id ``at_source`` was checked.

    ``damages`` are JSON of ``services.first_seen.Damage``. ``lease_until``: by one at a time; ``ended_at`` is None while it goes on.
    """

    __tablename__ = "log_check"

    id: Mapped[int] = mapped_column(primary_key=True)
    asked_at: Mapped[datetime]
    asked_by: Mapped[str]
    lease_until: Mapped[datetime | None]
    at_source: Mapped[int] = mapped_column(default=0)
    sources: Mapped[int] = mapped_column(default=0)
    rows: Mapped[int] = mapped_column(default=0)
    rows_total: Mapped[int] = mapped_column(default=0)
    damages: Mapped[list[Any]] = mapped_column(default=list)
    ended_at: Mapped[datetime | None] = mapped_column(index=True)


class Upstream(Base):
    """What an application wants of a source. ``policy`` is the JSON of ``versions.policy.Policy``; None: the same tag as the chart.

    ``role`` is ``chart``, ``image`` or ``other``. ``reason`` is what the last choosing made of it, for people; ``newest`` the tag chosen.
    """

    __tablename__ = "upstream"
    __table_args__ = (UniqueConstraint("application_id", "role", "alias"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id", ondelete="CASCADE"))
    source_id: Mapped[int] = mapped_column(ForeignKey("source.id"), index=True)
    role: Mapped[str]
    alias: Mapped[str]
    policy: Mapped[dict[str, Any] | None]
    newest: Mapped[str | None]
    reason: Mapped[str] = mapped_column(Text, default="")

    application: Mapped[Application] = relationship(back_populates="upstreams")
    source: Mapped[Source] = relationship(back_populates="upstreams")


class Quarantine(Base):
    """A person keeps versions of an application out: tags that match ``pattern``, until ``until`` or until it is lifted."""

    __tablename__ = "quarantine"

    id: Mapped[int] = mapped_column(primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id", ondelete="CASCADE"), index=True)
    pattern: Mapped[str]
    reason: Mapped[str] = mapped_column(Text)
    author: Mapped[str]
    created_at: Mapped[datetime]
    until: Mapped[datetime | None]
    lifted_at: Mapped[datetime | None]


class Delivery(Base):
    """A webhook that was taken, remembered for a while so that it is not taken twice."""

    __tablename__ = "delivery"
    __table_args__ = (UniqueConstraint("vendor", "delivery"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    vendor: Mapped[str]
    delivery: Mapped[str]
    received_at: Mapped[datetime] = mapped_column(index=True)


class Release(Base):
    """An immutable set of digests of one application, plus its fitness.

    ``manifest`` is the JSON of ``contract.ApplicationManifest`` without edges: what would run. None until every digest is known.
    ``parts``: which tag and digest of each upstream it is made of, by alias (JSON of ``domain.releases.Part``).
    ``rendering`` is the digest of the ``Rendering`` that people compare; None where it was not kept.
    ``chart_lost_since`` is set while the chart that we keep of it is lost and could not be put back; ``chart_lost`` says why.
    """

    __tablename__ = "release"
    __table_args__ = (UniqueConstraint("application_id", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"))
    version: Mapped[str]
    chart_digest: Mapped[str]
    parts: Mapped[dict[str, Any] | None]
    digest: Mapped[str | None] = mapped_column(index=True)
    manifest: Mapped[dict[str, Any] | None]
    suite_digest: Mapped[str | None]
    rendering: Mapped[str | None]
    state: Mapped[str] = mapped_column(index=True)
    state_reason: Mapped[str] = mapped_column(Text, default="")
    state_since: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None]
    discovered_at: Mapped[datetime]
    discovered_by: Mapped[str]
    chart_lost: Mapped[str] = mapped_column(Text, default="", server_default="")
    chart_lost_since: Mapped[datetime | None] = mapped_column(index=True)

    application: Mapped[Application] = relationship(back_populates="releases")
    runs: Mapped[list["Run"]] = relationship(back_populates="release", foreign_keys="Run.release_id", order_by="Run.id")
    promotions: Mapped[list["Promotion"]] = relationship(back_populates="release", order_by="Promotion.id")


class Run(Base):
    """One harness attempt on a release. ``verdict`` is None while it runs; its worker renews ``lease_until``."""

    __tablename__ = "run"

    id: Mapped[int] = mapped_column(primary_key=True)
    release_id: Mapped[int] = mapped_column(ForeignKey("release.id"), index=True)
    base_release_id: Mapped[int | None] = mapped_column(ForeignKey("release.id"))
    verdict: Mapped[str | None]
    reason: Mapped[str] = mapped_column(Text, default="")
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    worker: Mapped[str]
    contract: Mapped[str] = mapped_column(default="unknown")
    report_digest: Mapped[str | None]
    evidence: Mapped[list[Any]] = mapped_column(default=list)
    kubernetes: Mapped[str] = mapped_column(default="")

    release: Mapped[Release] = relationship(back_populates="runs", foreign_keys=[release_id])
    base_release: Mapped[Release | None] = relationship(foreign_keys=[base_release_id])
    steps: Mapped[list["RunStep"]] = relationship(back_populates="run", order_by="RunStep.position")


class RunStep(Base):
    """One step of a run's timeline."""

    __tablename__ = "run_step"
    __table_args__ = (UniqueConstraint("run_id", "position"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"))
    position: Mapped[int]
    name: Mapped[str]
    title: Mapped[str]
    state: Mapped[str]
    message: Mapped[str] = mapped_column(Text, default="")
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    run: Mapped[Run] = relationship(back_populates="steps")


class Edge(Base):
    """Upgrade from one release to another, with its rollback contract as last proved by ``run``."""

    __tablename__ = "edge"
    __table_args__ = (UniqueConstraint("from_release_id", "to_release_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    from_release_id: Mapped[int] = mapped_column(ForeignKey("release.id"))
    to_release_id: Mapped[int] = mapped_column(ForeignKey("release.id"), index=True)
    contract: Mapped[str]
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"))

    from_release: Mapped[Release] = relationship(foreign_keys=[from_release_id])
    to_release: Mapped[Release] = relationship(foreign_keys=[to_release_id])
    run: Mapped[Run] = relationship()


class Channel(Base):
    """An ordered stream that clusters follow. ``generation`` is the newest published one, 0 before the first."""

    __tablename__ = "channel"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    generation: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]


class Promotion(Base):
    """One release entering one channel. ``waits_until`` is the next moment at which something may change.

    At most one that is not over per release and channel; ``is_fallback``: made by a recall.
    """

    __tablename__ = "promotion"
    __table_args__ = (
        Index(
            "uq_promotion_live",
            "release_id",
            "channel_id",
            unique=True,
            sqlite_where=text("state IN ('proposed', 'awaiting_approval', 'approved', 'published')"),
            postgresql_where=text("state IN ('proposed', 'awaiting_approval', 'approved', 'published')"),
        ),
        Index(
            "uq_promotion_published",
            "application_id",
            "channel_id",
            unique=True,
            sqlite_where=text("state = 'published'"),
            postgresql_where=text("state = 'published'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"))
    release_id: Mapped[int] = mapped_column(ForeignKey("release.id"))
    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"))
    release_digest: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    state_reason: Mapped[str] = mapped_column(Text, default="")
    state_since: Mapped[datetime]
    waits_until: Mapped[datetime | None]
    approvals_needed: Mapped[int]
    proposed_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
    generation: Mapped[int | None]
    is_fallback: Mapped[bool] = mapped_column(default=False)

    application: Mapped[Application] = relationship()
    release: Mapped[Release] = relationship(back_populates="promotions")
    channel: Mapped[Channel] = relationship()
    approvals: Mapped[list["Approval"]] = relationship(back_populates="promotion", order_by="Approval.id")


class Approval(Base):
    """One person, one role, one digest. Granted or revoked, never edited."""

    __tablename__ = "approval"
    __table_args__ = (UniqueConstraint("promotion_id", "actor", "release_digest", "granted_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    promotion_id: Mapped[int] = mapped_column(ForeignKey("promotion.id"), index=True)
    actor: Mapped[str]
    role: Mapped[str]
    release_digest: Mapped[str]
    comment: Mapped[str] = mapped_column(Text, default="")
    granted_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    promotion: Mapped[Promotion] = relationship(back_populates="approvals")


class Publication(Base):
    """One generation of a channel: the very manifest that was signed. ``files_at`` is set once its files are in place."""

    __tablename__ = "publication"
    __table_args__ = (UniqueConstraint("channel_id", "generation"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"))
    generation: Mapped[int]
    manifest: Mapped[dict[str, Any]]
    manifest_sha256: Mapped[str]
    published_at: Mapped[datetime]
    published_by: Mapped[str]
    files_at: Mapped[datetime | None]

    channel: Mapped[Channel] = relationship()


class Rollout(Base):
    """Spreading one generation over the clusters of its channel. ``files_at`` is set once the signed rollout file says ``state``."""

    __tablename__ = "rollout"
    __table_args__ = (UniqueConstraint("channel_id", "generation"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"))
    generation: Mapped[int]
    state: Mapped[str] = mapped_column(index=True)
    state_reason: Mapped[str] = mapped_column(Text, default="")
    state_since: Mapped[datetime]
    started_at: Mapped[datetime]
    files_at: Mapped[datetime | None]

    channel: Mapped[Channel] = relationship()


class Cluster(Base):
    """An installation that follows a channel. ``public_key`` (raw ed25519, base64) is None until its agent has enrolled.

    ``enrolment`` counts the keys it has had: a new key starts its reports at sequence 1 again.
    ``generation`` is the newest that its reports say is healthy as a whole. ``labels`` are people's own, text by name.
    """

    __tablename__ = "cluster"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"))
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    public_key: Mapped[str | None]
    cluster_uid: Mapped[str | None]
    enrolled_at: Mapped[datetime | None]
    enrolment: Mapped[int] = mapped_column(default=0)
    last_contact_at: Mapped[datetime | None]
    last_sequence: Mapped[int] = mapped_column(default=0)
    generation: Mapped[int] = mapped_column(default=0)
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    labels: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")

    channel: Mapped[Channel] = relationship()
    installations: Mapped[list["Installation"]] = relationship(back_populates="cluster", passive_deletes=True)


class Installation(Base):
    """One application in one cluster, as its agent reported it last."""

    __tablename__ = "installation"
    __table_args__ = (UniqueConstraint("cluster_id", "application"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    cluster_id: Mapped[int] = mapped_column(ForeignKey("cluster.id", ondelete="CASCADE"))
    application: Mapped[str]
    running: Mapped[str | None]
    wanted: Mapped[str | None]
    release_digest: Mapped[str | None]
    outcome: Mapped[str]
    generation: Mapped[int]
    code: Mapped[str] = mapped_column(default="")
    message: Mapped[str] = mapped_column(Text, default="")
    since: Mapped[datetime]

    cluster: Mapped[Cluster] = relationship(back_populates="installations")


class JoinToken(Base):
    """A one-time token. Only the SHA-256 of its secret is stored; ``used_key`` is the key that it became.

    ``channel_id`` is where the cluster follows from then on; None: where it does already.
    """

    __tablename__ = "join_token"

    id: Mapped[str] = mapped_column(primary_key=True)
    cluster_id: Mapped[int] = mapped_column(ForeignKey("cluster.id", ondelete="CASCADE"))
    secret_sha256: Mapped[str]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    used_key: Mapped[str | None]
    channel_id: Mapped[int | None] = mapped_column(ForeignKey("channel.id"))

    cluster: Mapped[Cluster] = relationship()
    channel: Mapped[Channel | None] = relationship()


class AgentReport(Base):
    """A report as it came. Append-only; ``(cluster, enrolment, sequence)`` makes repeats harmless."""

    __tablename__ = "agent_report"
    __table_args__ = (
        UniqueConstraint("cluster_id", "enrolment", "sequence"),
        Index("ix_agent_report_generation", "generation", "cluster_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    cluster_id: Mapped[int] = mapped_column(ForeignKey("cluster.id", ondelete="CASCADE"))
    enrolment: Mapped[int]
    sequence: Mapped[int]
    received_at: Mapped[datetime]
    at: Mapped[datetime]
    generation: Mapped[int]
    application: Mapped[str | None]
    release: Mapped[str | None]
    outcome: Mapped[str]
    code: Mapped[str] = mapped_column(default="")
    message: Mapped[str] = mapped_column(Text, default="")
    body: Mapped[dict[str, Any]]

    cluster: Mapped[Cluster] = relationship()


class AuditEvent(Base):
    """Who, why, from, to: written in the transaction of the change itself. The newest ``id`` is also what live pages watch."""

    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_audit_event_subject", "subject_type", "subject_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str]
    action: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[str]
    subject: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str | None]
    reason: Mapped[str] = mapped_column(Text, default="")
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
