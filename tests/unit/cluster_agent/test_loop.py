"""What the channel says of each application: those it names, those that it names no more, those that are too new for this agent."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import msgspec
import pytest

from cluster_agent.contract import Manifest, Rollout, Wave
from cluster_agent.contract.manifest import TooNew as TooNewEntry
from cluster_agent.decisions import Left, Policy, TooNew, Wanted
from cluster_agent.errors import Unreachable, Untrusted
from cluster_agent.journal import Journal
from cluster_agent.loop import Around, Loop
from cluster_agent.metrics import Metrics
from cluster_agent.state import ApplicationState, State
from cluster_agent.trust import News, NothingPublished, Unchanged
from tests.unit.cluster_agent.test_planning import application, settled

NOW = datetime.now(UTC)
ROLLOUT = Rollout(
    channel="stable",
    generation=5,
    expires=NOW + timedelta(days=1),
    waves=(Wave(name="all", percent=100, opens_at=NOW),),
)


def named(name, release="1.0.0"):
    return msgspec.structs.replace(application(release), name=name)


def runs(name):
    return settled(named(name), 3)


class Trusted:
    """A channel that gives ``answers``, one a poll."""

    def __init__(self, *answers, clock_skew=None):
        self.answers = list(answers)
        self.clock_skew = clock_skew

    def current(self):
        return None

    def poll(self, channel, now):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Memory:
    """Where the journal is kept."""

    def save(self, files):
        self.files = files


def news(*applications, too_new=()):
    manifest = Manifest(channel="stable", generation=5, created=NOW, applications=applications)
    return News(manifest, ROLLOUT, "0" * 64, too_new)


@pytest.fixture
def rounds():
    """Return a function: rounds of a loop that knows some applications, each as what was said of them."""

    def run(known, *answers):
        journal = Journal(Memory())
        journal.state = State(applications=known)
        seen = []
        loop = Loop(
            Around(None, None, None, None, journal),
            trusted=Trusted(*answers),
            reporter=SimpleNamespace(send=lambda reports: reports[-1].sequence if reports else 0),
            metrics=Metrics(silent_limit=60.0),
            policy=Policy("home", frozenset({"apps"})),
            channel="stable",
            poll_seconds=1.0,
            report_seconds=60.0,
        )
        for _ in answers:
            seen.append({})
            loop._worker = SimpleNamespace(advance=lambda name, said: seen[-1].update({name: said}))
            loop.once()
        return seen

    return run


def test_what_is_named_no_more_has_left_and_whether_anything_else_runs_here_is_told(rounds):
    known = {"web": runs("web"), "mail": runs("mail")}
    (seen,) = rounds(known, news(named("web"), named("new")))
    assert seen["mail"] == Left("stable", 5, ROLLOUT, is_last=False)
    assert isinstance(seen["web"], Wanted)
    assert isinstance(seen["new"], Wanted)
    (seen,) = rounds(known, news(named("new")))
    assert {name: said.is_last for name, said in seen.items() if isinstance(said, Left)} == {
        "web": True,
        "mail": True,
    }
    (seen,) = rounds(known, news())
    assert all(said.is_last for said in seen.values())


def test_what_is_too_new_has_not_left(rounds):
    (seen,) = rounds({"web": runs("web"), "mail": runs("mail")}, news(too_new=(TooNewEntry("web", "9.0.0", ("x",)),)))
    assert seen["web"] == TooNew(5, "9.0.0", ("x",))
    assert seen["mail"].is_last is False


@pytest.mark.parametrize("answer", [Untrusted("unsigned", "no"), NothingPublished()])
def test_what_cannot_be_believed_says_nothing_of_anything(rounds, answer):
    first, second = rounds({"web": runs("web")}, news(), answer)
    assert isinstance(first["web"], Left)
    assert second["web"] is None


def test_a_control_plane_that_is_away_changes_nothing_of_what_was_said(rounds):
    seen = rounds({"web": runs("web")}, news(), Unreachable("away"), Unchanged(5))
    assert [one["web"].generation for one in seen] == [5, 5, 5]
    assert rounds({"web": ApplicationState()}, Unreachable("away"))[0]["web"] is None
