"""The agent on a real cluster: applies, keeps, rolls back, remembers, and survives being killed after every journal write."""

import json
import os
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from cluster_agent.applying.footprint import MARGIN
from cluster_agent.applying.helm import HelmCli
from cluster_agent.applying.kube import Access
from control_plane.upstreams.packing import pack_chart
from test_harness.demo.control_plane import ControlPlane, kill
from test_harness.images.registry import free_port
from test_harness.rehearsal.artifacts import Artifacts
from test_harness.rehearsal.subject import Subject
from test_harness.runner import Registries
from tests.e2e.agent_world import HERE, IMAGE, AgentWorld, surroundings
from tests.support.git_server import GitServer
from tests.support.helm_repository import HelmServer

pytestmark = pytest.mark.e2e

BAD_MIGRATION = 'echo migrating; echo "ERROR: column x does not exist"; exit 1'
SPOILS_AND_CRASHES = 'echo "fatal: cannot read my own state"; sleep 1; exit 3'


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with surroundings(tmp_path_factory.mktemp("agent"), "test-agent") as made:
        yield made


@pytest.fixture
def world(tmp_path, place):
    made = AgentWorld(tmp_path, *place)
    yield made
    made.control_plane.shutdown()
    made.forget()


@contextmanager
def running(world, **settings):
    agent = world.start(**settings)
    try:
        yield agent
    finally:
        agent.terminate()
        agent.wait(30)


def test_install_upgrade_rollback_and_never_again(world):
    plane = world.control_plane
    with running(world):
        first = plane.publish(world.releases.release("1.0.0"))
        world.wait(lambda: plane.outcomes(first) == ["applying", "healthy"])
        world.shell("echo precious > /data/state")

        second = plane.publish(world.releases.release("1.1.0"))
        world.wait(lambda: plane.outcomes(second) == ["applying", "healthy"])
        assert world.page() == "1.1.0"

        broken = world.releases.release("1.2.0", migration=BAD_MIGRATION)
        third = plane.publish(broken)
        world.wait(lambda: plane.outcomes(third) == ["applying", "rolled_back"])
        report = plane.last("rolled_back")
        assert report.code == "hook_failed"
        assert "ERROR: column x does not exist" in report.message
        assert report.running == "1.1.0"
        assert world.page() == "1.1.0"

        # The same release in a newer generation is the same release: not tried again.
        fourth = plane.publish(broken)
        world.wait(lambda: world.state().applications["echo"].change is None)
        world.wait(lambda: len([one for one in plane.requests if one[1] == 304]) > 3)
        assert plane.outcomes(fourth) == []

        fifth = plane.publish(world.releases.release("1.3.0"))
        world.wait(lambda: plane.outcomes(fifth) == ["applying", "healthy"])
    assert world.shell("cat /data/state") == "precious\n"


def test_data_is_restored_where_the_way_back_needs_it(world):
    plane = world.control_plane
    with running(world):
        first = plane.publish(world.releases.release("1.0.0"))
        world.wait(lambda: "healthy" in plane.outcomes(first))
        world.shell("echo precious > /data/state")
        bad = world.releases.release("1.1.0", contract="restore-required", edges_from="1.0.0", start=SPOILS_AND_CRASHES)
        second = plane.publish(bad)
        world.wait(lambda: world.state().applications["echo"].change and world.page() == "1.1.0")
        world.shell("echo spoilt > /data/state")
        world.wait(lambda: "rolled_back" in plane.outcomes(second), 180)
    report = plane.last("rolled_back")
    assert (report.code, report.running) == ("crash_loop", "1.0.0")
    assert "fatal: cannot read my own state" in report.message
    assert {"backup", "apply", "settle", "rollback", "restore", "settle_back"} <= set(report.timings)
    assert report.restored.lost_from < report.restored.lost_until <= report.at
    assert f"what was written from {report.restored.lost_from:%Y-%m-%d %H:%M:%S} to" in report.message
    assert world.shell("cat /data/state") == "precious\n"
    assert world.kube.get("Deployment", "echo", "echo-web")["status"]["readyReplicas"] == 1


def test_data_is_not_restored_where_nothing_of_the_new_release_ran(world):
    plane = world.control_plane
    with running(world):
        plane.publish(world.releases.release("1.0.0"))
        world.wait(lambda: "healthy" in plane.outcomes(1))
        time.sleep(MARGIN.total_seconds() + 1)  # so that its pods are surely older than what comes
        strict = {"pod-security.kubernetes.io/enforce": "restricted"}
        world.kube.patch("Namespace", None, "echo", {"metadata": {"labels": strict}})
        try:
            plane.publish(world.releases.release("1.1.0", contract="restore-required", edges_from="1.0.0"))
            world.wait(lambda: world.state().applications["echo"].change and world.page() == "1.1.0")
            world.shell("echo written meanwhile > /data/state")
            world.wait(lambda: "rolled_back" in plane.outcomes(2))
        finally:
            world.kube.patch("Namespace", None, "echo", {"metadata": {"labels": dict.fromkeys(strict)}})
    report = plane.last("rolled_back")
    assert (report.code, report.running, report.restored) == ("policy_denied", "1.0.0", None)
    assert "backup" in report.timings
    assert report.message.endswith("nothing of 1.1.0 ever ran, so the data stayed as it is")
    assert world.shell("cat /data/state") == "written meanwhile\n"


def test_a_persons_rollback_is_not_undone(world):
    plane = world.control_plane
    with running(world):
        plane.publish(world.releases.release("1.0.0"))
        world.wait(lambda: "healthy" in plane.outcomes(1))
        plane.publish(world.releases.release("1.1.0"))
        world.wait(lambda: "healthy" in plane.outcomes(2))
        world.run_helm("rollback", "echo", "1", "--wait")
        world.wait(lambda: any(one.code == "drifted" for one in plane.reports))
        assert world.page() == "1.0.0"
        plane.publish(world.releases.release("1.3.0"))
        world.wait(lambda: "healthy" in plane.outcomes(3))
    assert world.page() == "1.3.0"


def test_hooks_and_tests_run_the_rehearsed_digest_after_their_tag_was_moved(world, tmp_path):
    """The rehearsal's own code rehearses, somebody moves the tag, the agent applies; ``helm test`` is said by a person."""
    hooks = {"seed": "post-install", "migrate": "pre-upgrade", "probe": "test"}
    rehearsed = world.releases.push_hook_image(tmp_path, "rehearsed")
    first, second = (world.releases.release(version, hooks=hooks) for version in ("1.0.0", "1.1.0"))
    artifacts = Artifacts(tmp_path / "charts", Registries(from_host={"*": world.releases.url}))
    subject = Subject(
        world.kube, HelmCli(Access(str(world.kubeconfig)), tmp_path, binary=world.helm), artifacts, tmp_path
    )
    for release in (first, second):
        subject.change_to(release)
    assert world.hooks_ran() == {"seed": rehearsed, "migrate": rehearsed}
    world.uninstall()

    moved = world.releases.push_hook_image(tmp_path, "moved")
    assert moved != rehearsed
    with running(world):
        for release in (first, second):
            generation = world.control_plane.publish(release)
            world.wait(lambda generation=generation: "healthy" in world.control_plane.outcomes(generation))
    world.run_helm("test", "echo")
    assert world.hooks_ran() == dict.fromkeys(hooks, rehearsed)

    world.run_helm("upgrade", "echo", *world.releases.by_hand("1.1.0"), "--reuse-values")
    assert world.hooks_ran()["migrate"] == moved  # what the tag means to anybody else


APPLICATION = """apiVersion: tidegate.dev/v1
kind: Application
metadata: {{name: {name}}}
spec:
  chart: {chart}
  poll: 1s
  channels: [{{name: edge}}]
"""
KUSTOMIZED = {
    "base/kustomization.yaml": "resources: [app.yaml]\n",
    "base/app.yaml": """apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: app, image: example.invalid/app, command: [sleep, "2147483647"]}]
""",
    "over/kustomization.yaml": f"""resources: [../base]
namePrefix: our-
images: [{{name: example.invalid/app, newName: {IMAGE}, newTag: "1"}}]
""",
}


@pytest.fixture
def plane(world, tmp_path):
    """The real control plane, which rehearses in this very cluster."""
    settings = {
        "TIDEGATE_ALSO_LISTEN": "[]",
        "TIDEGATE_REHEARSAL_PROVIDER": "existing",
        "TIDEGATE_REHEARSAL_KUBECONFIG": str(world.kubeconfig),
        "TIDEGATE_REHEARSAL_WORKERS": "2",
        "TIDEGATE_WARM_CLUSTERS": "0",
        "TIDEGATE_KUBECTL": os.environ.get("KUBECTL", "kubectl"),
    }
    mirrors = {"*": world.releases.url}
    made = ControlPlane(tmp_path / "plane", free_port("127.0.0.1"), "", mirrors, {}, Path(world.helm), settings)
    made.data.mkdir()
    started = made.start()
    yield made
    print(made.log_tail(60))
    kill(started)


def test_charts_that_are_in_no_registry_go_all_the_way(world, plane, tmp_path, httpserver: HTTPServer):
    """One of a plain Helm repository, and a Kustomization of a git repository: seen, rehearsed, published, applied by their digests."""
    chart = HERE / "charts" / "echo"
    files = {str(file.relative_to(chart)): file.read_bytes() for file in chart.rglob("*") if file.is_file()}
    helm, git = HelmServer(httpserver), GitServer(tmp_path, httpserver)
    helm.add("echo", "1.0.0", pack_chart(files, where="echo"))
    git.commit("Deploy", KUSTOMIZED)
    git.tag("v2.0.0")
    charts = {"kept-helm": {"helm": helm.url, "name": "echo"}, "kept-git": {"git": git.url, "path": "over"}}
    for name, where in charts.items():
        file = tmp_path / f"{name}.yaml"
        file.write_text(APPLICATION.format(name=name, chart=json.dumps(where)))
        plane.cli("app", "apply", "-f", file)

    versions = {"kept-helm": "1.0.0", "kept-git": "2.0.0"}
    for name, version in versions.items():
        world.wait(lambda name=name, version=version: published(plane, name, version), 240)
    artifacts = {
        name: plane.get(f"applications/{name}/releases/{v}")["manifest"]["artifact"] for name, v in versions.items()
    }
    kept = {path.name for path in (plane.channel_files / "artifacts").iterdir()}
    assert kept == {f"{one['digest'].replace(':', '-')}.tgz" for one in artifacts.values()}
    assert {one["ref"] for one in artifacts.values()} == {"tidegate:echo", "tidegate:kept-git"}

    token = plane.cli("cluster", "add", "home", "--channel", "edge")["join_token"]
    for name in versions:
        world.ensure_namespace(name)
    with running(world, URL=plane.url, JOIN_TOKEN=token, NAMESPACES=",".join(versions)):
        for name, version in versions.items():
            world.wait(lambda name=name, version=version: runs(plane, name, version))
    digest = world.releases.digest(IMAGE, "1")
    for name, deployment in (("kept-helm", "kept-helm-web"), ("kept-git", "our-app")):
        found = world.kube.get("Deployment", name, deployment)
        (container,) = found["spec"]["template"]["spec"]["containers"]
        assert container["image"].endswith(f"@{digest}")
        assert found["status"]["readyReplicas"] == 1
        world.kube.delete("Namespace", None, name)


def published(plane: ControlPlane, application: str, version: str) -> bool:
    """Whether a release is in edge; what went wrong with it ends the test at once."""
    found = plane.get(f"applications/{application}/releases/{version}")
    assert found is None or found["state"] not in {"failed", "errored"}, found["state_reason"]
    return (plane.get("channels") or [{}])[0].get("applications", {}).get(application) == version


def runs(plane: ControlPlane, application: str, version: str) -> bool:
    """Whether the cluster reports that it runs a version, healthily."""
    return any(
        (one["application"], one["release"], one["outcome"]) == (application, version, "healthy")
        for one in plane.get("clusters/home/reports") or ()
    )


def test_halted_and_closed_waves_wait_with_a_reason(world):
    plane = world.control_plane
    with running(world):
        plane.publish(world.releases.release("1.0.0"), halted="wave one is unhappy")
        world.wait(lambda: any(one.code == "halted" and "unhappy" in one.message for one in plane.reports))
        plane.publish(world.releases.release("1.0.0"), percent=0)
        world.wait(lambda: any(one.code == "no_wave" for one in plane.reports))
        assert world.page() == ""
        plane.publish(world.releases.release("1.0.0"))
        world.wait(lambda: "healthy" in plane.outcomes(3))


def test_reports_survive_an_absent_control_plane(world):
    plane = world.control_plane
    plane.deaf = True
    with running(world):
        plane.publish(world.releases.release("1.0.0"))
        world.wait(lambda: world.state().applications.get("echo") and world.state().applications["echo"].settled)
    assert not plane.reports
    plane.deaf = False
    with running(world):
        world.wait(lambda: "healthy" in plane.outcomes(1))
    assert [one.sequence for one in plane.reports] == sorted({one.sequence for one in plane.reports})


@pytest.mark.parametrize("step", range(1, 10))
def test_killed_after_any_journal_write_the_end_is_the_same(world, step):
    """A good upgrade, then a bad one that comes back; the agent is killed in both after its ``step``-th write."""
    plane = world.control_plane
    with running(world):
        plane.publish(world.releases.release("1.0.0"))
        world.wait(lambda: "healthy" in plane.outcomes(1))
    world.shell("echo precious > /data/state")
    good = world.releases.release("1.1.0")
    bad = world.releases.release("1.2.0", migration=BAD_MIGRATION)
    for generation, release, end in ((2, good, "healthy"), (3, bad, "rolled_back")):
        plane.publish(release)
        agent = world.start(die_after=step)
        try:
            world.wait(lambda agent=agent: agent.poll() is not None or end in plane.outcomes(generation))  # noqa: B023
        finally:
            agent.kill()
            agent.wait()
        with running(world):
            world.wait(lambda: end in plane.outcomes(generation))  # noqa: B023
        assert plane.outcomes(generation).count(end) == 1
    state = world.state().applications["echo"]
    assert (state.settled.release, state.change, world.page()) == ("1.1.0", None, "1.1.0")
    assert list(state.bad) == [bad.release_digest]
    assert world.shell("cat /data/state") == "precious\n"


ECHO_GOES = '{"echo": {"onLeave": "uninstall"}}'


def test_an_application_that_leaves_stays_and_is_taken_up_again(world):
    plane = world.control_plane
    release = world.releases.release("1.0.0")
    with running(world, ON_LEAVE="uninstall"):
        plane.publish(release)
        world.wait(lambda: "healthy" in plane.outcomes(1))
        plane.publish()
        world.wait(lambda: plane.outcomes(2) == ["left"])
        report = plane.last("left")
        assert (report.code, report.running) == ("left_last", "1.0.0")
        assert "left the channel stable at generation 2; it stays installed" in report.message
        plane.publish(release)
        world.wait(lambda: plane.outcomes(3) == ["healthy"])
        assert world.state().applications["echo"].settled.revision == 1
        plane.publish(world.releases.release("1.1.0"))
        world.wait(lambda: "healthy" in plane.outcomes(4))
    assert world.page() == "1.1.0"


def test_what_is_uninstalled_leaves_its_users_data_and_finds_it_again(world):
    plane = world.control_plane
    release = world.releases.release("1.0.0", keeps="key of 1.0.0")
    with running(world, APPLICATIONS=ECHO_GOES):
        plane.publish(release)
        world.wait(lambda: "healthy" in plane.outcomes(1))
        world.shell("echo precious > /data/state")
        plane.publish()
        world.wait(lambda: plane.outcomes(2) == ["left", "uninstalled"])
        assert world.page() == ""
        assert world.kube.get("StatefulSet", "echo", "echo-store") is None
        assert world.kube.get("Job", "echo", "echo-cleanup") is None
        kept = world.kept()
        assert set(kept) == {"data-echo-store-0", "echo-kept", "secret/echo-kept"}
        assert [path.read_text() for path in world.folder.glob("data/backups/echo/*/*.dump")] == ["precious\n"]

        crashing = world.releases.release("1.1.0", keeps="key of 1.0.0", start=SPOILS_AND_CRASHES)
        plane.publish(crashing)
        world.wait(lambda: "rolled_back" in plane.outcomes(3))
        assert world.page() == ""
        assert world.kept() == kept

        plane.publish(world.releases.release("1.2.0", keeps="key of 1.0.0"))
        world.wait(lambda: "healthy" in plane.outcomes(4))
        assert world.kept() == kept
    assert world.shell("cat /data/state") == "precious\n"
    assert_a_backup_is_put_back_by_hand(world)


def assert_a_backup_is_put_back_by_hand(world):
    oldest = json.loads(world.ask("backups", "-o", "json").stdout)[-1]
    assert (oldest["application"], oldest["release"]) == ("echo", "1.0.0")
    assert oldest["id"] in world.ask("backups").stdout
    world.shell("echo spoiled > /data/state")
    refused = world.ask("restore", "echo", oldest["id"])
    assert (refused.returncode, "is of 1.0.0, but 1.2.0 runs" in refused.stderr) == (2, True)
    assert world.shell("cat /data/state") == "spoiled\n"
    done = world.ask("restore", "echo", oldest["id"], "--other-release")
    assert done.returncode == 0, done.stderr
    assert world.shell("cat /data/state") == "precious\n"
    assert "no-such" in world.ask("restore", "echo", "no-such").stderr


@pytest.mark.parametrize("step", range(1, 7))
def test_killed_while_it_leaves_the_end_is_the_same(world, step):
    plane = world.control_plane
    with running(world):
        plane.publish(world.releases.release("1.0.0"))
        world.wait(lambda: "healthy" in plane.outcomes(1))
    world.shell("echo precious > /data/state")
    plane.publish()
    agent = world.start(die_after=step, APPLICATIONS=ECHO_GOES)
    try:
        world.wait(lambda: agent.poll() is not None or "uninstalled" in plane.outcomes(2))
    finally:
        agent.kill()
        agent.wait()
    with running(world, APPLICATIONS=ECHO_GOES):
        world.wait(lambda: "uninstalled" in plane.outcomes(2))
        world.wait(lambda: not world.state().reports)
    assert plane.outcomes(2) == ["left", "uninstalled"]
    assert world.page() == ""
    state = world.state().applications["echo"]
    assert (state.settled, state.removal, state.left) == (None, None, 2)
    assert [path.read_text() for path in world.folder.glob("data/backups/echo/*/*.dump")] == ["precious\n"]
    assert set(world.kept()) == {"data-echo-store-0"}
