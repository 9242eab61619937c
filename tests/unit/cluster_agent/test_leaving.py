"""Applications that leave their channel: every row of the table, and that no kill and no change of mind loses data or tells a lie."""

from dataclasses import dataclass, field, replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_agent import decisions, lifecycle
from cluster_agent.applying.revisions import Revision
from cluster_agent.contract import Halt
from cluster_agent.decisions import Left, Policy
from cluster_agent.planning import plan
from cluster_agent.state import ApplicationState, Removal
from tests.unit.cluster_agent.test_planning import (
    DUMP,
    NOW,
    OLD,
    POLICY,
    application,
    decide,
    in_phase,
    revision,
    rollout,
    settled,
    wanted,
)

GOES = replace(POLICY, on_leave="uninstall")
THIS_GOES = replace(POLICY, on_leave_of={"app": "uninstall"})
RUNS = [revision(3, OLD)]
GONE = [revision(3, OLD, "uninstalled")]


def left(generation=2, *, is_last=False, roll=...):
    return Left("stable", generation, rollout(generation) if roll is ... else roll, is_last)


def noted(state, generation=2):
    return lifecycle.left(state, generation)


def removal(phase, *, backup=(), snapshot=""):
    app = msgspec.structs.replace(OLD, backup=backup)
    going = Removal(generation=2, phase=phase, started_at=NOW, snapshot=snapshot)
    return msgspec.structs.replace(noted(settled(app, 3)), removal=going)


@pytest.mark.parametrize(
    ("policy", "is_last", "code", "words"),
    [
        (POLICY, False, "left", "left the channel stable at generation 2; it stays installed and is no longer updated"),
        (GOES, False, "left", "it is to be uninstalled"),
        (GOES, True, "left_last", "To uninstall it, name it: `applications: {app: {onLeave: uninstall}}`"),
        (THIS_GOES, True, "left", "it is to be uninstalled"),
        (replace(GOES, on_leave_of={"app": "keep"}), False, "left", "it stays installed"),
    ],
)
def test_leaving_is_noted_once_with_what_comes_of_it(policy, is_last, code, words):
    action = decide(settled(OLD, 3), RUNS, left(is_last=is_last), policy)
    assert (type(action), action.code) == (decisions.Leave, code)
    assert words in action.reason


@pytest.mark.parametrize(
    ("policy", "is_last", "action"),
    [
        (POLICY, False, decisions.Rest()),
        (GOES, False, decisions.StageRemoval()),
        (GOES, True, decisions.Rest()),
        (THIS_GOES, True, decisions.StageRemoval()),
        (replace(GOES, on_leave_of={"app": "keep"}), False, decisions.Rest()),
    ],
)
def test_it_stays_unless_the_clusters_rules_say_so_and_the_rule_for_all_spares_the_last(policy, is_last, action):
    assert decide(noted(settled(OLD, 3)), RUNS, left(is_last=is_last), policy) == action


@pytest.mark.parametrize(
    ("policy", "said", "revisions", "code"),
    [
        (replace(GOES, held="audit week"), left(), RUNS, "held"),
        (GOES, left(roll=rollout(halted=Halt(reason="wait", since=NOW))), RUNS, "halted"),
        (GOES, left(roll=None), RUNS, "no_rollout"),
        (GOES, left(roll=rollout(waves=())), RUNS, "no_wave"),
        (GOES, left(), [*RUNS, revision(4)], "drifted"),
    ],
)
def test_what_holds_an_upgrade_back_holds_a_removal_back_too(policy, said, revisions, code):
    assert decide(noted(settled(OLD, 3)), revisions, said, policy).code == code
    assert decide(removal("staged"), revisions, said, policy) == decisions.AbandonRemoval()


def test_what_is_not_ours_to_see_is_left_alone():
    elsewhere = replace(GOES, namespaces=frozenset({"other"}))
    assert decide(noted(settled(OLD, 3)), (), left(), elsewhere) == decisions.Rest()
    assert "stays installed" in decide(settled(OLD, 3), (), left(), elsewhere).reason
    by_an_old_agent = settled(msgspec.structs.replace(OLD, namespace=""), 3)
    assert decide(noted(by_an_old_agent), (), left(), GOES) == decisions.Rest()
    assert "stays installed" in decide(by_an_old_agent, (), left(), GOES).reason


def test_what_never_worked_leaves_without_a_word_about_staying():
    assert "nothing of it that worked" in decide(ApplicationState(), (), left(), GOES).reason
    assert decide(noted(ApplicationState()), (), left(), GOES) == decisions.Rest()


def test_what_a_person_uninstalled_is_noted_as_gone():
    for revisions in ((), GONE):
        assert decide(noted(settled(OLD, 3)), revisions, left(), POLICY) == decisions.Removed()
        assert decide(removal("removing"), revisions, None, POLICY) == decisions.Removed()


def test_data_is_saved_before_anything_is_touched():
    assert decide(removal("staged", backup=(DUMP,)), RUNS, left(), GOES) == decisions.BackUpLast()
    assert decide(removal("staged", backup=(DUMP,), snapshot="s"), RUNS, left(), GOES) == decisions.Uninstall()
    assert decide(removal("staged"), RUNS, left(), GOES) == decisions.Uninstall()


def test_a_staged_removal_ends_with_any_doubt_and_one_begun_only_with_a_return():
    for said, policy in ((None, GOES), (left(), POLICY), (left(is_last=True), GOES), (wanted(OLD), GOES)):
        assert decide(removal("staged"), RUNS, said, policy) == decisions.AbandonRemoval()
    for said, policy in ((None, GOES), (left(), POLICY), (left(is_last=True), GOES)):
        assert decide(removal("removing"), RUNS, said, policy) == decisions.Uninstall()
    assert decide(removal("removing"), RUNS, wanted(OLD), GOES) == decisions.AbandonRemoval()


def test_a_return_is_taken_up_from_what_is_observed():
    back = noted(settled(OLD, 3))
    assert decide(back, RUNS, wanted(OLD)) == decisions.TakeUp()
    assert decide(lifecycle.left(back, 0), RUNS, wanted(OLD)) == decisions.Confirm(3)
    touched = lifecycle.removal_abandoned(removal("removing"))
    assert decide(lifecycle.left(touched, 0), [revision(3, OLD, "uninstalling")], wanted(OLD)) == decisions.Stage(
        "unknown", 3, 0, ""
    )
    assert lifecycle.removal_abandoned(removal("staged")).settled.revision == 3


def test_a_change_in_the_works_comes_first():
    assert decide(in_phase("staged"), RUNS, left(), GOES) == decisions.Abandon()
    assert decide(in_phase("settling", revision=4), [revision(4, application())], left(), GOES) == decisions.Settle(4)


@dataclass
class Simulation:
    """An application that leaves and perhaps returns, in a cluster where every step may be cut off before or after its effect."""

    policy: Policy
    kills: list[int]
    said: list[tuple[object, int]]
    state: ApplicationState
    revisions: list[Revision] = field(default_factory=lambda: list(RUNS))
    saved: bool = False
    reports: list[str] = field(default_factory=list)

    def run(self):
        """Let the channel say one thing after the other, each for so many steps; the last to its rest."""
        for said, steps in [*self.said[:-1], (self.said[-1][0], 200)]:
            for _ in range(steps):
                given = {"name": "app", "said": said, "state": self.state, "policy": self.policy, "now": NOW}
                action = plan(revisions=self.revisions, **given)
                if isinstance(action, decisions.Rest | decisions.Wait):
                    break
                getattr(self, type(action).__name__.lower())(said, action, self.kills.pop(0) if self.kills else 2)
        assert isinstance(action, decisions.Rest | decisions.Wait), "the planner loops"

    def going(self, **changes):
        self.state = msgspec.structs.replace(self.state, removal=msgspec.structs.replace(self.state.removal, **changes))

    def leave(self, said, action, kill):
        if kill:
            self.state = lifecycle.left(self.state, said.generation)
            self.reports.append("left")

    def takeup(self, said, action, kill):
        if kill:
            self.state = lifecycle.left(self.state, 0)

    def stageremoval(self, said, action, kill):
        if kill:
            self.state = lifecycle.removal_staged(self.state, said, NOW)

    def abandonremoval(self, said, action, kill):
        if kill:
            self.state = lifecycle.removal_abandoned(self.state)

    def backuplast(self, said, action, kill):
        assert self.revisions[-1].status == "deployed"
        self.saved = True
        if kill:
            self.going(snapshot="s")

    def uninstall(self, said, action, kill):
        assert self.saved, "something was removed before its data was saved"
        self.going(phase="removing")
        if kill:
            self.revisions[-1] = replace(self.revisions[-1], status="uninstalling" if kill == 1 else "uninstalled")

    def removed(self, said, action, kill):
        assert self.revisions[-1].status == "uninstalled"
        if kill:
            self.state = lifecycle.removed(self.state)
            self.reports.append("uninstalled")

    def stage(self, said, action, kill):
        if kill:
            self.state = msgspec.structs.replace(self.state, change=lifecycle.staged(action, said, NOW))

    def abandon(self, said, action, kill):
        self.state = msgspec.structs.replace(self.state, change=None)

    def apply(self, said, action, kill):
        self.state = msgspec.structs.replace(self.state, change=lifecycle.applying(self.state.change))
        self.revisions.append(revision(self.revisions[-1].number + 1, said.application))
        self.saved = False

    def backup(self, said, action, kill):
        change = msgspec.structs.replace(self.state.change, snapshot="s")
        self.state = msgspec.structs.replace(self.state, change=change)

    def settle(self, said, action, kill):
        self.state = lifecycle.kept(self.state, action.revision)

    def confirm(self, said, action, kill):
        if kill:
            self.state = lifecycle.confirmed(self.state, said, action.revision)


@given(
    goes=st.booleans(),
    kills=st.lists(st.integers(0, 2), max_size=40),
    returns=st.lists(st.tuples(st.booleans(), st.integers(0, 6)), max_size=5),
)
def test_killed_anywhere_the_end_is_what_the_channel_and_the_rules_say(goes, kills, returns):
    app = msgspec.structs.replace(OLD, backup=(DUMP,))
    said = [(left(2), 3)]
    said += [(wanted(app, number) if back else left(number), steps) for number, (back, steps) in enumerate(returns, 3)]
    world = Simulation(THIS_GOES if goes else POLICY, kills, said, settled(app, 3))
    world.run()
    assert (world.state.change, world.state.removal) == (None, None)
    newest = world.revisions[-1]
    last = said[-1][0]
    if isinstance(last, Left) and goes:
        assert (newest.status, world.state.settled) == ("uninstalled", None)
        assert "uninstalled" in world.reports
    else:
        assert (newest.status, world.state.settled.revision) == ("deployed", newest.number)
        assert bool(world.state.left) == isinstance(last, Left)
    if not goes:
        assert "uninstalled" not in world.reports
        assert newest.number == 3
