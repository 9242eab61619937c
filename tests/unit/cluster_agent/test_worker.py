"""Trouble around a release says nothing about it: however often it comes back, the release is not marked bad."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from cluster_agent import lifecycle
from cluster_agent import worker as module
from cluster_agent.applying.artifacts import ChartStore
from cluster_agent.applying.revisions import Revision
from cluster_agent.contract import ApplicationManifest, Artifact, Rollout, Wave
from cluster_agent.decisions import RollBack
from cluster_agent.errors import ChangeFailed, Conflict, Unreachable
from cluster_agent.journal import Journal
from cluster_agent.planning import MAX_ATTEMPTS, Policy, Wanted
from cluster_agent.state import ApplicationState, Change, Failure, State
from cluster_agent.worker import Worker

NOW = datetime.now(UTC)
APPLICATION = ApplicationManifest(
    name="app",
    release="2.0.0",
    release_digest="sha256:" + "2" * 64,
    namespace="apps",
    artifact=Artifact(ref="ghcr.io/x/app", digest="sha256:" + "0" * 64),
)
EVERYBODY = Wave(name="all", percent=100, opens_at=NOW - timedelta(hours=1))
WANTED = Wanted(
    APPLICATION,
    "stable",
    2,
    Rollout(channel="stable", generation=2, expires=NOW + timedelta(hours=1), waves=(EVERYBODY,)),
)


class Memory:
    """Where the journal is kept."""

    def save(self, files):
        self.files = files


class Charts(ChartStore):
    """A store that has the chart, unless it has ``trouble``."""

    trouble: Exception | None = None

    def chart(self, artifact):
        if self.trouble:
            raise self.trouble
        return Path("chart.tgz")


@pytest.fixture
def patient(tmp_path, monkeypatch):
    """A worker before an empty namespace."""
    monkeypatch.setattr(module.releases, "history", lambda *_: ())
    around = SimpleNamespace(
        kube=None, helm=None, snapshots=None, charts=Charts(tmp_path, None), journal=Journal(Memory())
    )
    return Worker(around, Policy("home", frozenset({"apps"})), "stable", lambda: None)


@pytest.fixture
def worker(patient, monkeypatch):
    """A worker which does not wait between tries."""
    monkeypatch.setattr(Worker, "_not_before", property(lambda _: {}), raising=False)
    return patient


def tries(worker, monkeypatch, error, times):
    """Let Helm end with ``error`` for so many times; then stop the worker by what no one handles."""
    left = iter([error] * times)

    def apply_release(*_args, **_named):
        raise next(left, KeyboardInterrupt())

    monkeypatch.setattr(module.changes, "apply_release", apply_release)
    with pytest.raises(KeyboardInterrupt):
        worker.advance("app", WANTED)
    return worker._around.journal.state


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Conflict("busy", "somebody else's helm is working on release app"), "busy"),
        (Unreachable("namespaces apps not found", code="namespace_missing"), "namespace_missing"),
        (OSError(28, "No space left on device"), "data_dir"),
    ],
)
def test_trouble_never_marks_a_release_bad_and_is_said_once(worker, monkeypatch, error, code):
    state = tries(worker, monkeypatch, error, MAX_ATTEMPTS * 3)
    assert (state.applications["app"].bad, state.applications["app"].change.phase) == ({}, "applying")
    assert [report.code for report in state.reports if report.code] == [code]


def test_a_registry_that_is_away_before_a_retry_costs_no_attempt(worker, monkeypatch):
    tries(worker, monkeypatch, Conflict("busy", "busy"), 1)
    before = worker._around.journal.state.applications["app"].change
    worker._around.charts.trouble = Unreachable("the registry is away")
    with pytest.raises(Unreachable):
        worker._apply("app")
    assert worker._around.journal.state.applications["app"].change == before


def test_a_helm_that_is_killed_again_and_again_is_given_up(worker, monkeypatch):
    monkeypatch.setattr(module.changes, "settle", lambda *_args, **_named: None)
    monkeypatch.setattr(module.changes, "roll_back", lambda *_args, **_named: None)
    killed = Unreachable("helm was killed by signal 9", code="helm_killed")

    def apply_release(*_args, **_named):
        raise killed

    monkeypatch.setattr(module.changes, "apply_release", apply_release)
    worker.advance("app", WANTED)
    assert [bad.failure.code for bad in worker._around.journal.state.applications["app"].bad.values()] == [
        "interrupted"
    ]


def test_a_release_for_another_namespace_is_observed_there_only_after_the_former_one_is_empty(worker, monkeypatch):
    former = replace(APPLICATION, release="1.0.0", release_digest="sha256:" + "1" * 64, namespace="former")
    state = ApplicationState(settled=lifecycle._settled(former, 1, 3))
    worker._policy = Policy("home", frozenset({"apps", "former"}))
    worker._around.journal.save(State(applications={"app": state}))
    seen = {"former": [Revision(3, "deployed")], "apps": [Revision(7, "deployed")]}
    monkeypatch.setattr(module.releases, "history", lambda _, namespace, __: seen[namespace])
    assert worker.advance("app", WANTED).code == "namespace_changed"
    seen["former"] = []
    tries(worker, monkeypatch, Conflict("busy", "busy"), 1)
    change = worker._around.journal.state.applications["app"].change
    assert (change.base, change.back_to) == (7, 7)
    told = [(report.code, report.generation) for report in worker._around.journal.state.reports]
    assert told[:2] == [("namespace_changed", 2), ("uninstalled", 2)]


def test_what_does_not_work_is_bad_at_once(worker, monkeypatch):
    monkeypatch.setattr(module.changes, "roll_back", lambda *_args, **_named: None)

    def apply_release(*_args, **_named):
        raise ChangeFailed("quota_exceeded", "exceeded quota: team")

    monkeypatch.setattr(module.changes, "apply_release", apply_release)
    worker.advance("app", WANTED)
    bad = worker._around.journal.state.applications["app"].bad
    assert [one.failure.code for one in bad.values()] == ["quota_exceeded"]


@pytest.mark.parametrize(
    ("code", "first", "second", "untouched"),
    [
        ("quota_exceeded", "quiet", True, True),
        ("quota_exceeded", "quiet", False, False),
        ("quota_exceeded", None, True, False),
        ("crash_loop", "quiet", True, False),
    ],
)
def test_only_two_looks_that_saw_nothing_run_are_remembered_as_untouched(
    worker, monkeypatch, code, first, second, untouched
):
    change = Change(
        application=APPLICATION,
        generation=2,
        phase="rolling_back",
        started_at=datetime.now(UTC),
        contract="restore-required",
        base=3,
        back_to=3,
        snapshot="s",
        attempts=1,
        failure=Failure(code=code, message="no"),
    )
    seen = []
    monkeypatch.setattr(module.footprint, "before_way_back", lambda *_, base: seen.append(f"before {base}") or first)
    monkeypatch.setattr(module.changes, "roll_back", lambda *_, **__: seen.append("back"))
    monkeypatch.setattr(module.footprint, "after_way_back", lambda *_: seen.append("after") or second)
    worker._around.journal.state = State(applications={"app": ApplicationState(change=change)})
    worker._roll_back("app", RollBack(3))
    assert worker._around.journal.state.applications["app"].change.untouched is untouched
    assert seen == [
        *(["before 3"] if code == "quota_exceeded" else []),
        "back",
        *(["after"] if first and code == "quota_exceeded" else []),
    ]


def test_a_clock_that_is_set_back_puts_no_try_off(patient, monkeypatch):
    ahead, passed = timedelta(minutes=50), 0.0
    monkeypatch.setattr(module, "datetime", SimpleNamespace(now=lambda zone: datetime.now(zone) + ahead))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 1000.0 + passed))
    patient._around.charts.trouble = Unreachable("the registry is away")
    assert patient.advance("app", WANTED).code == "retry"
    ahead, patient._around.charts.trouble = timedelta(0), None
    assert patient.advance("app", WANTED).code == "retry"
    passed = module.BACKOFF_SECONDS + 1
    tries(patient, monkeypatch, None, 0)
