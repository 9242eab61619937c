"""Whether anything of a release ever ran: certain only where every trace says so."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from cluster_agent.applying import footprint
from cluster_agent.applying.footprint import Quiet, has_hidden_work, look, look_again, may_make_pods
from cluster_agent.applying.releases import Hook

SINCE = datetime(2026, 11, 25, 12, tzinfo=UTC)
WAITS = {"name": "web", "state": {"waiting": {"reason": "ImagePullBackOff"}}}


def at(seconds):
    return f"{SINCE + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def runs(since):
    return {"name": "web", "containerID": "x", "state": {"running": {"startedAt": at(since)}}}


def pod(uid, created, *statuses, template="old", kind="containerStatuses"):
    labels = {"pod-template-hash": template}
    metadata = {"uid": uid, "creationTimestamp": at(created), "labels": labels}
    return {"metadata": metadata, "status": {kind: list(statuses)}}


def event(uid, reason, seconds):
    return {"involvedObject": {"kind": "Pod", "uid": uid}, "reason": reason, "lastTimestamp": at(seconds)}


SERVES = pod("a", -60, runs(-50))
REFUSED = pod("b", 5, WAITS, template="new")
QUIET = Quiet(SINCE, frozenset({"old"}))


@pytest.mark.parametrize(
    ("pods", "events"),
    [
        ([SERVES], []),
        ([SERVES, REFUSED], [event("b", "Scheduled", 5), event("b", "Pulling", 6), event("b", "Failed", 9)]),
        ([SERVES, pod("b", 5)], []),
        ([SERVES], [event("a", "Started", -50), event("gone", "Started", -90), event("gone", "Killing", 3)]),
    ],
)
def test_pods_that_were_refused_or_never_started_are_quiet(pods, events):
    assert look(pods, events, SINCE) == QUIET


@pytest.mark.parametrize(
    ("pods", "events"),
    [
        ([SERVES, pod("b", 5, runs(6), template="new")], []),
        ([SERVES, pod("b", 0, runs(0))], []),
        ([SERVES, pod("b", 5, runs(6), kind="initContainerStatuses")], []),
        ([SERVES, pod("b", 5, {"state": {"terminated": {"startedAt": None, "exitCode": 1}}})], []),
        ([SERVES, pod("b", 5, {**WAITS, "lastState": {"terminated": {"startedAt": at(6)}}})], []),
        ([SERVES, pod("b", 5, {**WAITS, "restartCount": 1})], []),
        ([pod("a", -60, runs(3))], []),
        ([pod("a", -60, {**WAITS, "lastState": {"terminated": {"startedAt": at(3)}}})], []),
        ([SERVES], [event("gone", "Started", 3)]),
        ([SERVES], [event("gone", "Scheduled", 3)]),
        ([SERVES, REFUSED], [event("b", "Created", 3)]),
        ([SERVES], [event("gone", "Started", 3) | {"lastTimestamp": None, "eventTime": at(3).replace("Z", ".1Z")}]),
        ([SERVES], [event("gone", "Started", 3) | {"lastTimestamp": None}]),
    ],
)
def test_any_trace_of_a_start_counts(pods, events):
    assert look(pods, events, SINCE) is None


@pytest.mark.parametrize(
    ("pods", "events", "verdict"),
    [
        ([SERVES], [], True),
        ([SERVES, REFUSED], [], None),
        ([SERVES, pod("b", 5, runs(9), template="new")], [], False),
        ([SERVES], [event("b", "Started", 9)], False),
        ([SERVES], [event("b", "Pulling", 9)], True),
        ([SERVES, pod("c", 11, runs(12))], [event("c", "Started", 12)], True),
    ],
)
def test_what_starts_between_the_looks_counts_and_the_former_template_may_start_again(pods, events, verdict):
    assert look_again(pods, events, QUIET) is verdict


DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"


@pytest.mark.parametrize(
    ("manifest", "events", "hidden"),
    [
        (DEPLOYMENT, [], False),
        (f"---\n{DEPLOYMENT}---\n# nothing\n---\napiVersion: v1\nkind: Secret\nmetadata: {{name: x}}\n", [], False),
        (DEPLOYMENT, [["test"]], False),
        (DEPLOYMENT, [["test"], ["pre-upgrade"]], True),
        (DEPLOYMENT.replace("name: web", "name: web, namespace: other"), [], True),
        (DEPLOYMENT.replace("name: web", "name: web, namespace: apps"), [], False),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n", [], True),
        ("apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {name: x}\n", [], True),
        ("apiVersion: v1\nkind: List\nitems: []\n", [], True),
    ],
)
def test_hooks_and_what_operators_do_are_not_seen_in_pods(manifest, events, hidden):
    assert has_hidden_work(manifest, [Hook(events=one) for one in events], "apps") is hidden


@pytest.mark.parametrize(
    ("kind", "template", "replicas", "made", "observed", "may"),
    [
        ("ReplicaSet", "old", 1, 1, 3, False),
        ("ReplicaSet", "new", 0, 0, 3, False),
        ("ReplicaSet", "new", 1, 0, 3, True),
        ("ReplicaSet", "new", 0, 1, 3, True),
        ("ReplicaSet", "new", 0, 0, 2, True),
        ("Deployment", "", 1, 1, 3, False),
        ("Deployment", "", 1, 1, 2, True),
        ("StatefulSet", "", 1, 1, 2, True),
    ],
)
def test_a_controller_that_may_still_make_refused_pods_is_waited_for(kind, template, replicas, made, observed, may):
    controller = {
        "kind": kind,
        "metadata": {"generation": 3, "labels": {"pod-template-hash": template}},
        "spec": {"replicas": replicas},
        "status": {"observedGeneration": observed, "replicas": made},
    }
    assert may_make_pods(controller, QUIET.templates) is may


class Namespace:
    """A namespace's lists, one round after the other; the last one stays."""

    def __init__(self, *rounds):
        self.rounds = list(rounds)

    def list(self, kind, namespace, fields=""):
        found = self.rounds[0].get(kind, [])
        if kind == "Event" and len(self.rounds) > 1:
            self.rounds.pop(0)
        return iter(found)


@pytest.mark.parametrize(
    ("rounds", "certain"),
    [
        ([{"Pod": [SERVES, REFUSED]}, {"Pod": [SERVES]}], True),
        ([{"Pod": [SERVES, REFUSED]}], False),
        ([{"Pod": [SERVES]}, {"Pod": [SERVES], "Event": [event("b", "Started", 9)]}], False),
        ([{"Pod": [SERVES]}, {"Pod": [SERVES, REFUSED]}, {"Pod": [SERVES]}], True),
    ],
)
def test_it_has_to_stay_calm_for_a_while(rounds, certain, monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr(footprint, "time", SimpleNamespace(monotonic=lambda: next(clock) / 4, sleep=lambda _: None))
    assert footprint.after_way_back(Namespace(*rounds), "apps", QUIET) is certain
