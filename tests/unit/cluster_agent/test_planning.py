"""Every row of the planner's table, and two properties: it never loops for ever, and a kill at any step leads to the same end."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_agent import decisions, lifecycle, planning
from cluster_agent.applying.revisions import Revision, short_digest
from cluster_agent.contract import ApplicationManifest, Artifact, BackupStep, Edge, Halt, Rollout, Wave
from cluster_agent.decisions import Left, Policy, TooNew, Wanted
from cluster_agent.planning import plan
from cluster_agent.state import ApplicationState, Bad, Change, Failure, Settled

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
POLICY = Policy("home", frozenset({"apps"}))
FAILURE = Failure(code="quota_exceeded", message="exceeded quota: team")
DUMP = BackupStep(name="db", pod="app=db", dump=("dump",), restore=("restore",))


def application(release="2.0.0", *, backup=(), contract=None):
    edges = (Edge(from_release="1.0.0", contract=contract),) if contract else ()
    return ApplicationManifest(
        name="app",
        release=release,
        release_digest=f"sha256:{release.encode().hex():0<64}",
        namespace="apps",
        artifact=Artifact(ref="ghcr.io/x/app", digest="sha256:" + "0" * 64),
        backup=backup,
        edges=edges,
    )


def rollout(generation=2, **changes):
    wave = Wave(name="all", percent=100, opens_at=NOW - HOUR)
    given = Rollout(channel="stable", generation=generation, expires=NOW + HOUR, waves=(wave,))
    return msgspec.structs.replace(given, **changes)


def wanted(app=None, generation=2, roll=...):
    return Wanted(app or application(), "stable", generation, rollout(generation) if roll is ... else roll)


def settled(app, revision, generation=1):
    return ApplicationState(
        settled=Settled(
            generation=generation,
            release=app.release,
            release_digest=app.release_digest,
            revision=revision,
            namespace=app.namespace,
            backup=app.backup,
        )
    )


def revision(number, app=None, status="deployed", **changes):
    label = short_digest(app.release_digest) if app else ""
    return replace(Revision(number, status, label, number if app else 0), **changes)


OLD = application("1.0.0")


def decide(state=ApplicationState(), revisions=(), want=None, policy=POLICY, now=NOW):  # noqa: B008  immutable
    return plan(name="app", said=want, revisions=revisions, state=state, policy=policy, now=now)


def test_nothing_wanted_rests():
    assert decide() == decisions.Rest()


def test_the_first_release_is_staged_with_nothing_to_go_back_to():
    assert decide(want=wanted()) == decisions.Stage("unknown", 0, 0, "")


def test_an_upgrade_remembers_the_way_back_and_its_contract():
    want = wanted(application(contract="restore-required"))
    action = decide(settled(OLD, 3), [revision(3, OLD)], want)
    assert action == decisions.Stage("restore-required", 3, 3, "1.0.0")


def test_what_runs_already_rests_and_a_newer_generation_is_confirmed():
    app = application()
    assert decide(settled(app, 4, generation=2), [revision(4, app)], wanted(app)) == decisions.Rest()
    assert decide(settled(app, 4, generation=1), [revision(4, app)], wanted(app)) == decisions.Confirm(4)


def test_what_an_earlier_agent_noted_without_its_namespace_is_noted_anew():
    app = application()
    state = settled(app, 4, generation=2)
    state = msgspec.structs.replace(state, settled=msgspec.structs.replace(state.settled, namespace=""))
    assert decide(state, [revision(4, app)], wanted(app)) == decisions.Confirm(4)


def test_an_application_that_needs_a_newer_agent_waits_and_one_in_the_works_is_brought_to_its_end():
    too_new = TooNew(2, "2.0.0", ("time-travel",))
    action = decide(settled(OLD, 3), [revision(3, OLD)], too_new)
    assert (action.code, action.forbidden) == ("update_agent", True)
    assert "2.0.0 needs time-travel" in action.reason
    assert decide(in_phase("staged"), [revision(3, OLD)], too_new) == decisions.Abandon()
    assert decide(in_phase("settling", revision=4), [revision(4, application())], too_new) == decisions.Settle(4)


def test_a_persons_rollback_stays_until_another_release_comes():
    app = application()
    revisions = [revision(4, app, "superseded"), revision(5, OLD, made_as=3)]
    action = decide(settled(app, 4), revisions, wanted(app))
    assert (type(action), action.code) == (decisions.Wait, "drifted")
    assert isinstance(decide(settled(app, 4), revisions, wanted(application("3.0.0"))), decisions.Stage)


@pytest.mark.parametrize(
    ("roll", "code"),
    [
        (None, "no_rollout"),
        (rollout(generation=1), "no_rollout"),
        (rollout(expires=NOW), "stale_rollout"),
        (rollout(halted=Halt(reason="bad wave", since=NOW)), "halted"),
        (rollout(waves=()), "no_wave"),
        (rollout(waves=(Wave(name="none", percent=0, opens_at=NOW),)), "no_wave"),
        (rollout(waves=(Wave(name="all", percent=100, opens_at=NOW + HOUR),)), "wave_not_open"),
    ],
)
def test_the_rollout_can_only_hold_back(roll, code):
    action = decide(want=wanted(roll=roll))
    assert (action.code, action.forbidden) == (code, False)


@pytest.mark.parametrize(
    ("policy", "code"),
    [(replace(POLICY, held="audit week"), "held"), (replace(POLICY, namespaces=frozenset()), "namespace_not_served")],
)
def test_the_clusters_own_rules_win(policy, code):
    action = decide(want=wanted(), policy=policy)
    assert (action.code, action.forbidden) == (code, True)


def elsewhere(release="2.0.0"):
    return msgspec.structs.replace(application(release), namespace="other")


def test_what_runs_in_another_namespace_is_not_installed_a_second_time():
    both = replace(POLICY, namespaces=frozenset({"apps", "other"}))
    for policy in (both, replace(POLICY, namespaces=frozenset({"other"}))):
        seen = [revision(3, OLD)] if "apps" in policy.namespaces else []
        action = decide(settled(OLD, 3), seen, wanted(elsewhere()), policy)
        assert (action.code, action.forbidden) == ("namespace_changed", True)
        assert "2.0.0 is for namespace 'other', and 1.0.0 runs in 'apps'" in action.reason
    broken = settled(OLD, 3)
    broken = msgspec.structs.replace(broken, settled=msgspec.structs.replace(broken.settled, whole=False))
    assert decide(broken, [revision(3, OLD)], wanted(elsewhere()), both).code == "namespace_changed"


def test_what_a_person_took_away_from_the_former_namespace_makes_room_for_the_new_one():
    both = replace(POLICY, namespaces=frozenset({"apps", "other"}))
    for gone in ([], [revision(3, OLD, "uninstalled")]):
        state = settled(OLD, 3)
        assert decide(state, gone, wanted(elsewhere()), both) == decisions.Removed()
        assert isinstance(decide(lifecycle.removed(state), [], wanted(elsewhere()), both), decisions.Stage)


def test_an_application_is_observed_where_it_is_dealt_with_and_else_where_it_is_wanted():
    want, left = wanted(elsewhere()), Left("stable", 2, rollout(), is_last=False)
    assert planning.namespace_of(want, settled(OLD, 3)) == "apps"
    assert planning.namespace_of(want, in_phase("applying")) == "apps"
    assert planning.namespace_of(want, ApplicationState()) == "other"
    assert planning.namespace_of(left, settled(OLD, 3)) == "apps"
    assert planning.namespace_of(left, ApplicationState()) == ""


def test_an_earlier_agent_that_noted_no_namespace_upgrades_as_before():
    state = settled(OLD, 3)
    state = msgspec.structs.replace(state, settled=msgspec.structs.replace(state.settled, namespace=""))
    assert isinstance(decide(state, [revision(3, OLD)], wanted()), decisions.Stage)


def test_a_release_that_was_bad_here_is_not_tried_in_a_newer_generation_either():
    app = application()
    bad = {app.release_digest: Bad(generation=2, release=app.release, failure=FAILURE)}
    action = decide(ApplicationState(bad=bad), [], wanted(app, generation=9))
    assert (action.code, "exceeded quota" in action.reason) == ("known_bad", True)
    assert isinstance(decide(ApplicationState(bad=bad), [], wanted(application("2.0.1"))), decisions.Stage)


def test_somebody_elses_helm_is_waited_for():
    pending = Revision(4, "pending-upgrade")
    assert decide(settled(OLD, 3), [revision(3, OLD), pending], wanted()).code == "busy"


def in_phase(phase, app=None, **changes):
    given = lifecycle.staged(decisions.Stage("unknown", 3, 3, "1.0.0"), wanted(app), NOW)
    return msgspec.structs.replace(settled(OLD, 3), change=msgspec.structs.replace(given, phase=phase, **changes))


def test_a_staged_change_is_abandoned_when_the_rollout_halts_or_the_channel_moves_on():
    halted = wanted(roll=rollout(halted=Halt(reason="no", since=NOW)))
    for want in (None, halted, wanted(application("3.0.0"))):
        assert decide(in_phase("staged"), [revision(3, OLD)], want) == decisions.Abandon()


@pytest.mark.parametrize(
    ("contract", "backup", "action"),
    [
        ("unknown", (DUMP,), decisions.BackUp()),
        ("restore-required", (DUMP,), decisions.BackUp()),
        ("reversible", (DUMP,), decisions.Apply()),
        ("unknown", (), decisions.Apply()),
    ],
)
def test_data_is_saved_unless_the_way_back_is_proven(contract, backup, action):
    app = application(backup=backup)
    assert decide(in_phase("staged", app, contract=contract), [revision(3, OLD)], wanted(app)) == action


@pytest.mark.parametrize(
    ("newest", "action"),
    [
        (None, decisions.Apply()),
        (revision(4, application()), decisions.Settle(4)),
        (revision(4, application(), "pending-upgrade"), decisions.Apply()),
        (revision(4, application(), "failed", interrupted=True), decisions.Apply()),
        (revision(4, status="deployed"), decisions.Apply()),
    ],
)
def test_after_a_kill_while_applying_the_world_is_observed(newest, action):
    revisions = [revision(3, OLD), *([newest] if newest else [])]
    assert decide(in_phase("applying", attempts=1), revisions, wanted()) == action


def test_helms_own_failure_and_too_many_interruptions_lead_back():
    failed = [revision(3, OLD), revision(4, application(), "failed")]
    assert decide(in_phase("applying", attempts=1), failed).to == 3
    action = decide(in_phase("applying", attempts=planning.MAX_ATTEMPTS), [revision(3, OLD)])
    assert (action.to, action.failure.code) == (3, "interrupted")


def test_the_way_back():
    mine, back = revision(4, application(), "failed"), revision(5, OLD, made_as=3)
    assert decide(in_phase("rolling_back"), [revision(3, OLD), mine]) == decisions.RollBack(3)
    assert decide(in_phase("rolling_back"), [mine, back]) == decisions.SettleBack(5)
    assert decide(in_phase("rolling_back"), [revision(3, OLD)]) == decisions.SettleBack(3)
    first = in_phase("rolling_back", base=3, back_to=0)
    assert decide(
        first, [revision(3, OLD, "superseded"), revision(4, application(), "uninstalled")]
    ) == decisions.SettleBack(0)
    needs = in_phase("rolling_back", contract="restore-required", snapshot="s")
    assert decide(needs, [mine, back]) == decisions.Restore()
    assert decide(in_phase("settling_back", snapshot="s", restored=True), [mine, back]) == decisions.SettleBack(5)


def test_a_release_of_which_nothing_ever_ran_needs_no_data_of_before():
    mine, back = revision(4, application(), "failed"), revision(5, OLD, made_as=3)
    for contract in ("restore-required", "one-way"):
        needs = in_phase("rolling_back", contract=contract, snapshot="s", untouched=True)
        assert decide(needs, [mine, back]) == decisions.SettleBack(5)
        assert not planning.may_restore(needs.change)


@pytest.mark.parametrize(
    ("code", "changes", "after", "worth"),
    [
        *((code, {}, 60, True) for code in sorted(planning.REFUSALS)),
        ("crash_loop", {}, 60, False),
        ("hook_failed", {}, 60, False),
        ("timeout", {}, 60, False),
        ("quota_exceeded", {"attempts": 2}, 60, False),
        ("quota_exceeded", {"snapshot": ""}, 60, False),
        ("quota_exceeded", {"restored": True}, 60, False),
        ("quota_exceeded", {}, 3600, False),
        ("quota_exceeded", {}, -60, False),
    ],
)
def test_only_a_refusal_of_the_one_try_while_events_last_may_have_run_nothing(code, changes, after, worth):
    given = {"failure": Failure(code=code, message="no"), "attempts": 1, "snapshot": "s", **changes}
    change = in_phase("rolling_back", **given).change
    assert planning.may_be_untouched(change, NOW + timedelta(seconds=after)) is worth
    assert not planning.may_be_untouched(msgspec.structs.replace(change, failure=None), NOW)


def test_a_way_back_tells_what_became_of_the_data_and_the_journal_of_an_earlier_agent_restores():
    change = in_phase("rolling_back", failure=FAILURE, snapshot="s", contract="one-way").change
    assert lifecycle.told(change) == FAILURE.message
    put_back = lifecycle.put_back(change, NOW, NOW + HOUR)
    assert (put_back.phase, put_back.restored) == ("settling_back", True)
    assert lifecycle.told(put_back).endswith("written from 2026-11-21 12:00:00 to 2026-11-21 13:00:00 UTC is lost")
    untouched = msgspec.structs.replace(change, untouched=True)
    assert lifecycle.told(untouched).endswith("nothing of 2.0.0 ever ran, so the data stayed as it is")
    assert msgspec.json.decode(msgspec.json.encode(put_back), type=Change) == put_back
    old = {key: one for key, one in msgspec.to_builtins(change).items() if key not in {"untouched", "lost"}}
    assert planning.needs_restore(msgspec.convert(old, Change))


@dataclass
class Simulation:
    """Helm and the cluster, as far as the planner sees them; every step may be cut off by a kill, before or after its effect."""

    app: ApplicationManifest
    works: bool
    helm_complains: bool
    kills: list[int]
    state: ApplicationState = field(default_factory=lambda: settled(OLD, 1))
    revisions: list[Revision] = field(default_factory=lambda: [revision(1, OLD)])
    steps: int = 0
    restored: bool = False

    def run(self):
        while True:
            action = plan(
                name="app", said=wanted(self.app), revisions=self.revisions, state=self.state, policy=POLICY, now=NOW
            )
            if isinstance(action, decisions.Rest | decisions.Wait):
                return action
            self.steps += 1
            assert self.steps < 60, "the planner loops"
            kill = self.kills.pop(0) if self.kills else 2
            getattr(self, type(action).__name__.lower())(action, kill)

    def change(self, **changes):
        self.state = msgspec.structs.replace(self.state, change=msgspec.structs.replace(self.state.change, **changes))

    def stage(self, action, kill):
        if kill:
            self.state = msgspec.structs.replace(self.state, change=lifecycle.staged(action, wanted(self.app), NOW))

    def backup(self, action, kill):
        if kill:
            self.change(snapshot="s")

    def apply(self, action, kill):
        self.state = msgspec.structs.replace(self.state, change=lifecycle.applying(self.state.change))
        if kill == 0:
            return
        last = self.revisions[-1]
        if last.pending:
            self.revisions[-1] = replace(last, status="failed", interrupted=True)
        status = {1: "pending-upgrade"}.get(kill, "failed" if self.helm_complains else "deployed")
        self.revisions.append(revision(self.revisions[-1].number + 1, self.app, status))
        if kill == 1:
            return
        if self.helm_complains:
            self.state = msgspec.structs.replace(self.state, change=lifecycle.failed(self.state.change, FAILURE))
        else:
            self.change(phase="settling", revision=self.revisions[-1].number)

    def settle(self, action, kill):
        if kill == 0:
            return
        if self.works:
            self.state = lifecycle.kept(self.state, action.revision)
        else:
            self.state = msgspec.structs.replace(self.state, change=lifecycle.failed(self.state.change, FAILURE))

    def rollback(self, action, kill):
        self.state = msgspec.structs.replace(self.state, change=lifecycle.rolling_back(self.state.change, action))
        if kill:
            last = self.revisions[-1]
            if last.pending:
                self.revisions[-1] = replace(last, status="failed", interrupted=True)
            status = "pending-rollback" if kill == 1 else "deployed"
            self.revisions.append(revision(last.number + 1, OLD, status, made_as=1))

    def restore(self, action, kill):
        self.change(phase="restoring")
        if kill:
            self.restored = True
            self.change(phase="settling_back", restored=True)

    def settleback(self, action, kill):
        self.change(phase="settling_back")
        if kill:
            self.state = lifecycle.came_back(self.state, action.revision)


@given(
    works=st.booleans(),
    helm_complains=st.booleans(),
    contract=st.sampled_from([None, "reversible", "restore-required", "one-way"]),
    kills=st.lists(st.integers(0, 2), max_size=25),
)
def test_killed_anywhere_any_number_of_times_the_end_is_right(works, helm_complains, contract, kills):
    app = application(backup=(DUMP,), contract=contract)
    world = Simulation(app, works, helm_complains, kills)
    action = world.run()
    assert world.state.change is None
    interrupted = (
        app.release_digest in world.state.bad and world.state.bad[app.release_digest].failure.code == "interrupted"
    )
    if works and not helm_complains and not interrupted:
        assert (action, world.state.settled.release) == (decisions.Rest(), app.release)
        assert world.revisions[-1].number == world.state.settled.revision
    else:
        assert (action.code, world.state.settled.release) == ("known_bad", OLD.release)
        assert world.revisions[-1].release == short_digest(OLD.release_digest)
        touched = len(world.revisions) > 1
        assert world.restored == (touched and contract in {"restore-required", "one-way"})


def test_percentages_take_every_cluster_exactly_once_and_each_generation_shuffles():
    from cluster_agent.contract.rollout import opens_for, place_of

    waves = (Wave(name="few", percent=10, opens_at=NOW), Wave(name="all", percent=100, opens_at=NOW + HOUR))
    opened = [opens_for(rollout(waves=waves), f"cluster-{number}") for number in range(1000)]
    assert 60 < opened.count(NOW) < 140
    assert opened.count(NOW) + opened.count(NOW + HOUR) == 1000
    assert len({place_of("home", "stable", generation) for generation in range(50)}) > 20
