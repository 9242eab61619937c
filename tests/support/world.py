"""A whole control plane on one engine, with a clock that tests move and small real stand-ins for registry and harness."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from cluster_agent.contract import EnrolRequest, Facts, Report, ReportBatch, decode_join_token, sha256_hex
from cluster_agent.contract.rendered import Images
from control_plane.domain.applications import ChannelRule, ChartUpstream, Declaration, ImageUpstream
from control_plane.domain.errors import NotFound, Transient
from control_plane.domain.sources import Listing, Notes, SourceSpec
from control_plane.domain.versions.policy import Tag
from control_plane.publishing.artifacts import artifact_keep
from control_plane.publishing.keys import KeyRing
from control_plane.publishing.repository import Repository
from control_plane.publishing.storage import DirectoryStorage
from control_plane.services import (
    applications,
    channel_files,
    choosing,
    clusters,
    kept_charts,
    looks,
    promotions,
    publications,
    rehearsals,
    releases,
    reports,
    resolving,
    rollouts,
    runs,
    sources,
)
from control_plane.store import looks as store_looks
from control_plane.store import models, work
from control_plane.store.nudges import Nudge
from control_plane.store.session import session_scope
from control_plane.upstreams.charts import Rendering
from control_plane.upstreams.errors import ChartInvalid, ImageMissing
from test_harness.runner import Logins, RunReport, RunRequest, StepReport

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
CHART = "ghcr.io/tidegate/charts/miniflux"
IMAGE = "docker.io/miniflux/miniflux"


def declare(**changes: Any) -> Declaration:
    """Miniflux with edge (at once) and stable (after a soak and one approval)."""
    fields: dict[str, Any] = {
        "name": "miniflux",
        "chart": ChartUpstream(oci=CHART, version=">=2.0.0"),
        "namespace": "miniflux",
        "images": (ImageUpstream(name=IMAGE),),
        "poll_seconds": 10.0,
        "channels": (
            ChannelRule(name="edge"),
            ChannelRule(name="stable", after="edge", soak_seconds=60.0, approvals=1),
        ),
    }
    return Declaration(**{**fields, **changes})


@dataclass
class Registry:
    """A registry in memory: repository → tag → digest. ``is_down``: it does not answer.

    ``private``: what is shown only to the application that reads with an account of its own.
    """

    content: dict[str, dict[str, str]] = field(default_factory=dict)
    is_down: bool = False
    asked: int = 0
    test_images: frozenset[str] = frozenset()
    private: dict[str, "Registry"] = field(default_factory=dict)

    def only_for(self, application: str) -> "Registry":
        """Return what is shown to an application alone: what everybody sees now, and what is pushed there."""
        everybody = {name: dict(tags) for name, tags in self.content.items()}
        return self.private.setdefault(application, Registry(everybody))

    def push(self, repository: str, tag: str, digest: str | None = None) -> None:
        """Publish a tag."""
        self.content.setdefault(repository, {})[tag] = digest or f"sha256:{sha256_hex(f'{repository}:{tag}'.encode())}"

    def release(self, version: str) -> None:
        """Publish image and chart of a version."""
        self.push(IMAGE, version)
        self.push(CHART, version)

    def listing(self, spec: SourceSpec, account: str, memo: Mapping[str, str]) -> Listing | None:
        if account in self.private:
            return self.private[account].listing(spec, account, memo)
        self._answer()
        if spec.location not in self.content:
            raise NotFound(f"no repository {spec.location}")
        state = " ".join(sorted(self.content[spec.location]))  # as with real ones, a tag that moves changes no list
        if memo.get("state") == state:
            return None
        tags = tuple(Tag(name=name) for name in self.content[spec.location])
        return Listing(tags=tags, memo={"state": state})

    def detail(self, spec: SourceSpec, account: str, tag: str, *, platforms: bool) -> Tag:
        if account in self.private:
            return self.private[account].detail(spec, account, tag, platforms=platforms)
        self._answer()
        return Tag(name=tag, digest=self.digest(spec.location, tag), platforms=("linux/amd64",))

    def digest(self, repository: str, tag: str) -> str:
        try:
            return self.content[repository][tag]
        except KeyError:
            raise NotFound(f"no {repository}:{tag}") from None

    def chart(self, spec: SourceSpec, application: str, tag: str, digest: str) -> bytes:
        self._answer()
        for name, present in self.content.get(spec.location, {}).items():
            if present == digest:
                return name.encode()
        raise NotFound(f"no {spec.location}@{digest}")

    def rendering(self, chart: bytes, declaration: Declaration) -> Rendering:
        if chart.endswith(b"-unrenderable"):
            raise ChartInvalid("the chart does not render: templates/deployment.yaml:3")
        image = f"{IMAGE}:{chart.decode()}"
        manifests = f"kind: Pod\nmetadata: {{name: {declaration.name}}}\nspec: {{containers: [{{image: {image}}}]}}\n"
        return Rendering(manifests, Images(frozenset({image}), self.test_images))

    def image_digest(self, image: str, account: str = "") -> str:
        self._answer()
        repository, _, tag = image.rpartition(":")
        try:
            return self.digest(repository, tag)
        except NotFound as error:
            raise ImageMissing(error.message) from None

    def notes(self, spec: SourceSpec, account: str, tag: str, digest: str, *, since: str) -> Notes | None:
        self._answer()
        return Notes(title=f"{tag} since {since or 'ever'}") if spec.location == CHART else None

    def _answer(self) -> None:
        self.asked += 1
        if self.is_down:
            raise Transient("the registry does not answer", retry_after=7)


@dataclass
class Harness:
    """Says what it is told: ``verdicts`` by version, ``passed`` otherwise. Keeps the requests."""

    verdicts: dict[str, str] = field(default_factory=dict)
    requests: list[RunRequest] = field(default_factory=list)
    logins: list[Logins] = field(default_factory=list)
    before_end: Callable[[], None] = lambda: None

    def __call__(self, request: RunRequest, *, on_event: Callable[[StepReport], None], logins: Logins) -> RunReport:
        self.requests.append(request)
        self.logins.append(logins)
        for name, state in (("cluster", "running"), ("cluster", "passed"), ("upgrade", "running")):
            on_event(StepReport(name=name, title=name, state=state, started_at=START))  # type: ignore[arg-type]
        self.before_end()
        verdict = self.verdicts.get(request.candidate.release, "passed")
        on_event(StepReport(name="upgrade", title="upgrade", state=verdict, started_at=START, ended_at=START))  # type: ignore[arg-type]
        return RunReport(run_id=request.run_id, verdict=verdict, reason=f"it {verdict}", contract="reversible")  # type: ignore[arg-type]


class World:
    """Everything of one control plane. ``settle()`` does what workers and sweeper would do until nothing waits."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.now = START
        self.registry = Registry()
        self.harness = Harness()
        self.storage = DirectoryStorage(folder / "tuf")
        self.repository = Repository(self.storage, KeyRing(folder / "keys"))
        self.workplace = rehearsals.Workplace(
            name="worker-1", evidence=folder / "evidence", lease_seconds=30.0, attempts_limit=3
        )

    def clock(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @contextmanager
    def scope(self) -> Iterator[Session]:
        with session_scope(self.engine) as session:
            yield session

    def start(self, declaration: Declaration | None = None, suite: bytes | None = None) -> None:
        """Declare an application and make the channels' repository."""
        with self.scope() as session:
            applications.application_declare(
                session, declaration=declaration or declare(), suite=suite, actor="person:anna", now=self.now
            )
        channel_files.channels_reconcile(repository=self.repository, clock=self.clock, scope=self.scope)

    def publish_upstream(self, version: str) -> None:
        """A version appears upstream, and a webhook says so, a second later than anything before: that much it would wait."""
        self.wait(sources.NUDGE_SECONDS)
        self.registry.release(version)
        with self.scope() as session:
            sources.source_nudge(session, places=[CHART], now=self.now)

    def look_after_charts(self) -> tuple[int, int]:
        """Do what is done each hour with the charts that are kept."""
        return kept_charts.charts_look_after(
            storage=self.storage, reader=self.registry, clock=self.clock, scope=self.scope
        )

    def do(self, nudge: Nudge) -> None:
        """Do one piece of work, as a task would."""
        row_id, common = nudge.row_id, {"clock": self.clock, "scope": self.scope}
        match nudge.work:
            case "source_look":
                looks.source_look(source_id=row_id, reader=self.registry, jitter=0.0, **common)
            case "application_choose":
                choosing.application_choose(application_id=row_id, reader=self.registry, **common)
            case "release_resolve":
                keep = partial(artifact_keep, self.storage)
                resolving.release_resolve(release_id=row_id, reader=self.registry, keep=keep, **common)
            case "release_rehearse":
                rehearsals.run_execute(release_id=row_id, workplace=self.workplace, harness=self.harness, **common)
            case "chart_restore":
                kept_charts.chart_restore(release_id=row_id, storage=self.storage, reader=self.registry, **common)
            case "channel_write_files":
                channel_files.channel_write_files(channel_id=row_id, repository=self.repository, **common)
            case _:
                self._in_transaction(nudge)

    def _in_transaction(self, nudge: Nudge) -> None:
        with self.scope() as session:
            match nudge.work:
                case "release_retry":
                    releases.release_retry(session, release_id=nudge.row_id, now=self.now)
                case "run_expire":
                    runs.run_expire(session, run_id=nudge.row_id, attempts_limit=3, now=self.now)
                case "promotion_advance":
                    promotions.promotion_advance(session, promotion_id=nudge.row_id, now=self.now)
                case "promotion_publish":
                    publications.promotion_publish(session, promotion_id=nudge.row_id, now=self.now)

    def waiting(self) -> list[Nudge]:
        """What the sweeper finds, and the sources that a looker would take."""
        with self.scope() as session:
            due = [Nudge("source_look", one) for page in store_looks.due(session, self.now) for one in page]
            return [*due, *work.waiting(session, self.now)]

    def settle(self, rounds: int = 30) -> None:
        """Do all that waits, each piece twice: any task run twice equals once."""
        for _ in range(rounds):
            found = self.waiting()
            if not found:
                return
            for nudge in found:
                self.do(nudge)
                self.do(nudge)
        raise AssertionError(f"work without end: {self.waiting()}")

    def release(self, version: str) -> models.Release:
        with self.scope() as session:
            return session.scalars(select(models.Release).filter_by(version=version)).one()

    def promotion(self, version: str, channel: str) -> models.Promotion:
        """The newest promotion of a version into a channel."""
        with self.scope() as session:
            statement = select(models.Promotion).join(models.Release).join(models.Channel)
            statement = statement.where(models.Release.version == version, models.Channel.name == channel)
            return session.scalars(statement.order_by(models.Promotion.id.desc()).limit(1)).one()

    def approve(self, version: str, channel: str = "stable", actor: str = "person:ben") -> models.Promotion:
        promotion = self.promotion(version, channel)
        with self.scope() as session:
            return promotions.promotion_approve(
                session,
                promotion_id=promotion.id,
                release_digest=promotion.release_digest,
                actor=actor,
                role="approver",
                now=self.now,
            )

    def channel(self, name: str) -> models.Channel:
        with self.scope() as session:
            return session.scalars(select(models.Channel).filter_by(name=name)).one()

    def rollout(self, channel: str) -> models.Rollout:
        """The rollout of a channel's newest generation."""
        with self.scope() as session:
            statement = select(models.Rollout).join(models.Channel).where(models.Channel.name == channel)
            return session.scalars(statement.order_by(models.Rollout.generation.desc()).limit(1)).one()

    def publications(self, channel: str) -> list[models.Publication]:
        with self.scope() as session:
            statement = select(models.Publication).join(models.Channel).where(models.Channel.name == channel)
            return list(session.scalars(statement.order_by(models.Publication.generation)))

    def versions(self, channel: str) -> dict[str, str]:
        """What the newest manifest of a channel wants: application → version."""
        newest = self.publications(channel)[-1].manifest
        return {application["name"]: application["release"] for application in newest.get("applications", ())}

    def audit(self, action: str | None = None) -> list[models.AuditEvent]:
        with self.scope() as session:
            events = session.scalars(select(models.AuditEvent).order_by(models.AuditEvent.id)).all()
        return [event for event in events if action is None or event.action == action]

    def enrol(self, name: str, channel: str = "stable", key: str = "a2V5") -> str:
        """Add a cluster and enrol its agent; return the join token."""
        with self.scope() as session:
            token = clusters.cluster_add(
                session, name=name, channel=channel, root_sha256="0" * 64, actor="person:anna", now=self.now
            )
        self.use_token(token, name, key)
        return token

    def use_token(self, token: str, name: str, key: str) -> None:
        content = decode_join_token(token)
        request = EnrolRequest(
            token_id=content.id, token_secret=content.secret, cluster=name, cluster_uid=f"uid-{name}", public_key=key
        )
        with self.scope() as session:
            clusters.cluster_enrol(session, request=request, now=self.now, repository=self.repository)

    def report(self, cluster: str, *sent: Report) -> int:
        """An agent's batch arrives; return the accepted sequence."""
        batch = ReportBatch(facts=Facts(kubernetes="1.36"), reports=sent)
        with self.scope() as session:
            receipt = reports.reports_receive(
                session, cluster_name=cluster, batch=batch, now=self.now, silent_after_seconds=600.0
            )
        return receipt.accepted_sequence

    def about(self, sequence: int, outcome: Any, version: str, generation: int, **more: Any) -> Report:
        """A report about Miniflux, with the digest that the release has."""
        return Report(
            sequence=sequence,
            at=self.now,
            channel=more.pop("channel", "stable"),
            generation=generation,
            outcome=outcome,
            application="miniflux",
            release=version,
            release_digest=self.release(version).digest,
            **more,
        )

    def resume(self, channel: str, reason: str = "looked at it") -> None:
        with self.scope() as session:
            rollouts.rollout_resume(
                session, rollout_id=self.rollout(channel).id, reason=reason, actor="person:anna", now=self.now
            )
