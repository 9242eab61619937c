"""The house plan's invariants as properties: whatever happens in whatever order, they hold.

A random walk over everything that people, registries, rehearsals, agents and time can do to one control plane (SQLite).
"""

import contextlib
import itertools
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import select

from control_plane.domain.errors import Refused
from control_plane.domain.lifecycle import Lifecycle
from control_plane.domain.promotions import PROMOTION, PromotionState
from control_plane.domain.releases import RELEASE, ReleaseState
from control_plane.domain.rollouts import ROLLOUT
from control_plane.services import promotions, publications, releases
from control_plane.store import models
from control_plane.store.base import Base
from control_plane.store.session import make_engine
from tests.support.world import World

MEMORY = Path("/dev/shm")  # thousands of small transactions: no disk needs to hear of them
VERSIONS = [f"2.{minor}.0" for minor in range(1, 7)]
VERDICTS = ["passed", "passed", "passed", "failed", "errored"]
PEOPLE = ["person:anna", "person:ben", "person:eve"]


class ControlPlane(RuleBasedStateMachine):
    """One control plane; ``seen`` remembers what must never be undone."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.engine = make_engine(f"sqlite:///{self.folder.name}/t.sqlite3")
        Base.metadata.create_all(self.engine)
        self.world = World(self.engine, Path(self.folder.name))
        self.world.start()
        self.world.enrol("home")
        self.world.publish_upstream("2.0.0")
        self.world.settle()
        self.world.wait(61)
        self.world.approve("2.0.0")
        self.sequence = 0
        self.generations: dict[str, int] = {}
        self.terminal: dict[tuple[str, int], str] = {}

    def teardown(self) -> None:
        self.engine.dispose()
        self.folder.cleanup()

    @rule(version=st.sampled_from(VERSIONS), verdict=st.sampled_from(VERDICTS), is_rehearsed=st.booleans())
    def a_version_appears(self, version: str, verdict: str, is_rehearsed: bool) -> None:
        self.world.harness.verdicts.setdefault(version, verdict)
        self.world.publish_upstream(version)
        if is_rehearsed:
            self.world.settle()

    @rule(seconds=st.sampled_from([1, 31, 400]))
    def the_registry_is_away_for_a_while(self, seconds: int) -> None:
        self.world.registry.is_down = True
        self.world.settle()
        self.world.wait(seconds)
        self.world.settle()
        self.world.registry.is_down = False

    @rule(actor=st.sampled_from(PEOPLE))
    def everything_soaks_and_is_approved(self, actor: str) -> None:
        self.world.wait(61)
        self.world.settle()
        for row in self.rows(models.Promotion):
            if row.state == PromotionState.AWAITING_APPROVAL:
                common = {"promotion_id": row.id, "release_digest": row.release_digest}
                with self.world.scope() as session:
                    promotions.promotion_approve(session, role="approver", actor=actor, now=self.world.now, **common)

    @rule(seconds=st.sampled_from([1, 11, 31, 61, 700]))
    def time_passes(self, seconds: int) -> None:
        self.world.wait(seconds)

    @rule(data=st.data())
    def one_piece_of_work_is_done_perhaps_twice(self, data: st.DataObject) -> None:
        if found := self.world.waiting():
            nudge = data.draw(st.sampled_from(found))
            for _ in range(data.draw(st.integers(1, 2))):
                self.world.do(nudge)

    @rule()
    def all_work_is_done(self) -> None:
        self.world.settle()

    @rule(
        data=st.data(), actor=st.sampled_from(PEOPLE), verb=st.sampled_from(["approve", "approve", "revoke", "reject"])
    )
    def a_person_decides(self, data: st.DataObject, actor: str, verb: str) -> None:
        rows = self.rows(models.Promotion)
        if not rows:
            return
        row = data.draw(st.sampled_from(rows))
        digest = data.draw(st.sampled_from([row.release_digest, "sha256:other"]))
        common = {"promotion_id": row.id, "release_digest": digest, "actor": actor, "now": self.world.now}
        self.attempt(
            lambda session: (
                promotions.promotion_approve(session, role="approver", **common)
                if verb == "approve"
                else getattr(promotions, f"promotion_{verb}")(session, **common)
            )
        )

    @rule(data=st.data(), verb=st.sampled_from(["requeue", "reject", "withdraw"]))
    def a_person_decides_about_a_release(self, data: st.DataObject, verb: str) -> None:
        if rows := self.rows(models.Release):
            row = data.draw(st.sampled_from(rows))
            call = getattr(releases, f"release_{verb}")
            self.attempt(
                lambda session: call(session, release_id=row.id, reason="why", actor="person:anna", now=self.world.now)
            )

    @rule(channel=st.sampled_from(["edge", "stable"]))
    def a_person_recalls(self, channel: str) -> None:
        self.attempt(
            lambda session: publications.channel_recall(
                session,
                channel=channel,
                application="miniflux",
                reason="CVE",
                actor="person:anna",
                now=self.world.now,
            )
        )

    @precondition(lambda self: self.generations.get("stable"))
    @rule(outcome=st.sampled_from(["healthy", "healthy", "rolled_back", "failed", "observed"]), back=st.integers(0, 2))
    def the_cluster_reports(self, outcome: str, back: int) -> None:
        generation = max(1, self.generations["stable"] - back)
        version = self.world.versions("stable")["miniflux"]
        before = {row.generation: row.state for row in self.rollouts("stable")}
        self.sequence += 1
        self.world.report("home", self.world.about(self.sequence, outcome, version, generation))
        for row in self.rollouts("stable"):
            if row.generation > generation and row.state == "halted":
                assert before[row.generation] == "halted", "a report of an older generation halted a newer one"

    @rule()
    def a_report_is_repeated(self) -> None:
        if not self.sequence:
            return
        before = len(self.world.audit())
        version = self.world.versions("stable")["miniflux"]
        assert self.world.report("home", self.world.about(1, "failed", version, 1)) == self.sequence
        changed = [event for event in self.world.audit()[before:] if event.to_state == "halted"]
        assert not changed

    @rule(channel=st.sampled_from(["edge", "stable"]))
    def a_person_lets_it_go_on(self, channel: str) -> None:
        if self.rollouts(channel):
            with contextlib.suppress(Refused):
                self.world.resume(channel)

    @invariant()
    def nothing_is_published_without_verification_and_approvals(self) -> None:
        for row in self.rows(models.Promotion):
            if row.generation is None or row.is_fallback or self.known(row):
                continue
            with self.world.scope() as session:
                release = session.get(models.Release, row.release_id)
                channel = session.get(models.Channel, row.channel_id)
                assert release is not None
                assert channel is not None
                assert row.release_digest == release.digest
                passed = session.scalars(select(models.Run).filter_by(release_id=release.id, verdict="passed")).first()
                assert passed is not None
                approvals = session.scalars(select(models.Approval).filter_by(release_digest=row.release_digest)).all()
            people = {approval.actor for approval in approvals if approval.granted_at <= row.published_at}
            assert len(people) >= (1 if channel.name == "stable" else 0)

    @invariant()
    def terminal_states_have_no_exits(self) -> None:
        self.keep(models.Release, RELEASE)
        self.keep(models.Promotion, PROMOTION)
        self.keep(models.Rollout, ROLLOUT)

    @invariant()
    def generations_only_grow_without_gaps(self) -> None:
        for channel in self.rows(models.Channel):
            assert channel.generation >= self.generations.get(channel.name, 0)
            self.generations[channel.name] = channel.generation
            found = [row.generation for row in self.world.publications(channel.name)]
            assert found == list(range(1, channel.generation + 1))

    @invariant()
    def one_published_promotion_per_application_and_channel(self) -> None:
        places = [
            (row.application_id, row.channel_id)
            for row in self.rows(models.Promotion)
            if row.state == PromotionState.PUBLISHED
        ]
        assert len(places) == len(set(places))

    @invariant()
    def every_transition_left_exactly_one_audit_event(self) -> None:
        """The events of each row form one chain, from its birth to the state it has now."""
        chains: dict[tuple[str, str], list[models.AuditEvent]] = {}
        for event in self.world.audit():
            if event.to_state is not None:
                chains.setdefault((event.subject_type, event.subject_id), []).append(event)
        for model in (models.Release, models.Promotion, models.Rollout):
            for row in self.rows(model):
                chain = chains[model.__name__.lower(), str(row.id)]
                assert chain[0].from_state is None
                assert all(one.to_state == two.from_state for one, two in itertools.pairwise(chain))
                assert chain[-1].to_state == row.state

    @invariant()
    def an_infrastructure_fault_never_marks_a_release_bad(self) -> None:
        for row in self.rows(models.Release):
            if row.state == ReleaseState.FAILED:
                assert self.world.harness.verdicts[row.version] == "failed"

    def known(self, row: models.Promotion) -> bool:
        """Whether a published promotion was looked at before: approvals may be judged at its publication only."""
        key = ("published", row.id)
        seen = key in self.terminal
        self.terminal[key] = ""
        return seen

    def keep(self, model: type[Base], lifecycle: Lifecycle) -> None:  # type: ignore[type-arg]
        for row in self.rows(model):
            key = (model.__name__, row.id)
            if key in self.terminal:
                assert row.state == self.terminal[key]
            elif lifecycle.is_terminal(type(lifecycle.initial)(row.state)):
                self.terminal[key] = row.state

    def rows(self, model):  # type: ignore[no-untyped-def]
        with self.world.scope() as session:
            return list(session.scalars(select(model).order_by(model.id)))

    def rollouts(self, channel: str) -> list[models.Rollout]:
        with self.world.scope() as session:
            statement = select(models.Rollout).join(models.Channel).where(models.Channel.name == channel)
            return list(session.scalars(statement))

    def attempt(self, change) -> None:  # type: ignore[no-untyped-def]
        with contextlib.suppress(Refused), self.world.scope() as session:
            change(session)


TestControlPlane = ControlPlane.TestCase
TestControlPlane.settings = settings(
    max_examples=8,
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
