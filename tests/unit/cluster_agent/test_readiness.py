"""Readiness by the new revision's own status, hopeless states, and the line of a log that says why."""

import pytest

from cluster_agent.applying.readiness import Hopeless, Ready, Waiting, judge_pod, judge_workload, telling_line, unproven


def workload(kind, spec=None, status=None, generation=2):
    return {
        "kind": kind,
        "metadata": {"name": "x", "generation": generation},
        "spec": spec or {},
        "status": status or {},
    }


GOOD = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2}


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_a_workload_is_not_judged_by_the_previous_revision(kind):
    spec = {"replicas": 2}
    assert judge_workload(workload(kind, spec, GOOD)) == Ready()
    for stale in ({"observedGeneration": 1}, {"updatedReplicas": 1}, {"availableReplicas": 1, "readyReplicas": 1}, {}):
        status = GOOD | stale if stale else {}
        assert isinstance(judge_workload(workload(kind, spec, status)), Waiting)


def test_old_replicas_must_be_gone():
    assert isinstance(judge_workload(workload("Deployment", {"replicas": 2}, GOOD | {"replicas": 3})), Waiting)


def test_a_quota_is_named_as_one():
    words = 'pods "x-1" is forbidden: exceeded quota: team, requested: memory=1Gi'
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": words}
    verdict = judge_workload(workload("Deployment", {}, GOOD | {"conditions": [condition]}))
    assert verdict == Hopeless("quota_exceeded", words)


def test_stateful_sets_with_partition_or_on_delete_do_not_wait_for_pods_that_stay_old():
    status = {"observedGeneration": 2, "updatedReplicas": 1, "readyReplicas": 3}
    rolling = {"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 2}}}
    assert judge_workload(workload("StatefulSet", rolling, status)) == Ready()
    by_hand = {"replicas": 3, "updateStrategy": {"type": "OnDelete"}}
    assert judge_workload(workload("StatefulSet", by_hand, status)) == Ready()


def test_daemon_sets_allow_what_their_strategy_allows():
    status = {"observedGeneration": 2, "desiredNumberScheduled": 10, "updatedNumberScheduled": 10, "numberAvailable": 8}
    assert isinstance(judge_workload(workload("DaemonSet", {}, status)), Waiting)
    spec = {"updateStrategy": {"rollingUpdate": {"maxUnavailable": "20%"}}}
    assert judge_workload(workload("DaemonSet", spec, status)) == Ready()


@pytest.mark.parametrize(
    ("conditions", "verdict"),
    [
        ([], Waiting("the job runs")),
        ([{"type": "Complete", "status": "True"}], Ready()),
        (
            [{"type": "Failed", "status": "True", "message": "BackoffLimitExceeded"}],
            Hopeless("job_failed", "BackoffLimitExceeded"),
        ),
    ],
)
def test_jobs(conditions, verdict):
    assert judge_workload(workload("Job", {}, {"conditions": conditions})) == verdict


def pod(*statuses, conditions=()):
    return {
        "metadata": {"name": "web-1"},
        "spec": {},
        "status": {"containerStatuses": statuses, "conditions": conditions},
    }


def test_crashes_count_from_the_change_on():
    crashed = {"terminated": {"exitCode": 3, "reason": "Error"}}
    status = {"name": "web", "restartCount": 5, "ready": False, "state": {"waiting": {}}, "lastState": crashed}
    assert judge_pod(pod(status), {"web": 0}) == Hopeless(
        "crash_loop", "container web ended 5 times, the last time with exit code 3", "web-1", "web", crashed=True
    )
    assert isinstance(judge_pod(pod(status), {"web": 4}), Waiting)


def test_images_that_cannot_be_pulled_and_pods_that_no_node_takes():
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}
    verdict = judge_pod(pod({"name": "web", "image": "x:1", "state": waiting}), {})
    assert (verdict.code, "x:1" in verdict.why) == ("image_pull", True)
    scheduled = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: insufficient memory"}
    assert judge_pod(pod(conditions=[scheduled]), {}).code == "unschedulable"


def test_a_fresh_container_without_a_probe_is_unproven():
    found = pod({"name": "web", "state": {"running": {"startedAt": "2026-11-21T12:00:05Z"}}})
    found["spec"] = {"containers": [{"name": "web"}]}
    assert unproven(found, "2026-11-21T12:00:00Z")
    assert not unproven(found, "2026-11-21T12:00:06Z")
    found["spec"] = {"containers": [{"name": "web", "readinessProbe": {}}]}
    assert not unproven(found, "2026-11-21T12:00:00Z")


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("starting\nERROR: relation x does not exist\nbye", "ERROR: relation x does not exist"),
        ("a\nb\n\n", "b"),
        ("", ""),
        ('Traceback (most recent call last):\n  File "x.py", line 1\nValueError: no\n', "ValueError: no"),
        ("\x1b[31mpanic: nil map\x1b[0m\n\ngoroutine 1 [running]:\nmain.main()", "panic: nil map"),
    ],
)
def test_the_telling_line(log, line):
    assert telling_line(log) == line
