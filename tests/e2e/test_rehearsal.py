"""Rehearsals on real clusters: passed, failed and errored are three things, and each says why.

The application is `examples/notes`; what makes a release bad is an edit of its chart's template.
"""

import json
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

import httpx2
import msgspec
import pytest

from cluster_agent.contract import ApplicationManifest, Artifact, BackupStep, release_digest
from examples import publishing
from examples.notes.publish import CHART, HERE, IMAGE
from test_harness.images import registry
from test_harness.runner import Registries, RunReport, RunRequest, run

pytestmark = pytest.mark.e2e

BACKUP = BackupStep(
    name="note",
    pod="app.kubernetes.io/name=notes",
    dump=("cat", "/data/note.txt"),
    restore=("sh", "-c", "cat > /data/note.new && mv /data/note.new /data/note.txt"),
)
CONTAINER = "        - name: notes\n"
VERSION = "          env: [{name: NOTES_VERSION, value: {{ .Chart.AppVersion | quote }}}]\n"
CRASH = "          command: [python3, -c, \"raise SystemExit('FATAL: migration 7 failed: no such column')\"]\n"
NEW_PLACE = """\
          env: [{name: NOTES_VERSION, value: {{ .Chart.AppVersion | quote }}}, {name: NOTES_DATA, value: /data/v2}]
"""
MOVE = """\
      initContainers:
        - name: move
          image: "{{ .Values.image }}:1.0.0"
          command: [sh, -c, "mkdir -p /data/v2 && mv /data/note.txt /data/v2/note.txt"]
          volumeMounts: [{name: data, mountPath: /data}]
      containers:
"""


class World:
    """A registry with releases of the notes application."""

    def __init__(self, folder: Path, served: registry.Registry, publisher: publishing.Publisher) -> None:
        self.folder = folder
        self.registry = served
        self.publisher = publisher
        publisher.build_image(IMAGE, "1.0.0", HERE / "image")

    def release(
        self, version: str, *edits: tuple[str, str], backup: tuple[BackupStep, ...] = (BACKUP,)
    ) -> ApplicationManifest:
        chart = self.folder / version / "notes"
        shutil.copytree(HERE / "chart", chart)
        template = chart / "templates" / "notes.yaml"
        text = template.read_text().replace("{{ .Chart.AppVersion }}", "1.0.0")
        for old, new in edits or [(CONTAINER, CONTAINER + VERSION)]:
            assert text.count(old) == 1
            text = text.replace(old, new)
        template.write_text(text)
        self.publisher.publish_chart(CHART, chart, version)
        return self.manifest(version, {f"{IMAGE}:1.0.0": self.digest(IMAGE, "1.0.0")}, backup)

    def manifest(
        self, version: str, images: dict[str, str], backup: tuple[BackupStep, ...] = ()
    ) -> ApplicationManifest:
        artifact = Artifact(ref=CHART, digest=self.digest(CHART, version))
        what = {"name": "notes", "release": version, "namespace": "notes", "artifact": artifact, "images": images}
        digest = release_digest(**what, values={}, backup=backup)
        return ApplicationManifest(**what, release_digest=digest, backup=backup, timeout_seconds=90)

    def digest(self, name: str, tag: str) -> str:
        url = f"{self.registry.url}/v2/{publishing.repository(name)}/manifests/{tag}"
        return httpx2.head(url, headers={"Accept": publishing.MANIFESTS}).headers["Docker-Content-Digest"]

    def request(self, candidate: ApplicationManifest, evidence: Path, **changes) -> RunRequest:
        request = RunRequest(
            run_id=uuid.uuid4().hex,
            candidate=candidate,
            evidence=str(evidence),
            suite=str(HERE / "suite"),
            registries=Registries(from_host={"*": self.registry.url}, from_pods={"*": self.registry.cluster_url}),
        )
        return msgspec.structs.replace(request, **changes)

    def rehearse(self, candidate: ApplicationManifest, evidence: Path, **changes) -> RunReport:
        told = []
        report = run(self.request(candidate, evidence, **changes), on_event=told.append)
        assert [step for step in told if step.state != "running"] == list(report.steps)
        for file in report.evidence:
            assert Path(evidence, file.path).stat().st_size == file.size
        return report


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("upstream")
    engine = publishing.publisher("").engine
    with registry.running(engine, folder / "registry") as served:
        yield World(folder, served, publishing.publisher(served.host))


@pytest.fixture(scope="module")
def base(world):
    return world.release("1.0.0")


def states(report: RunReport) -> list[tuple[str, str]]:
    return [(step.name, step.state) for step in report.steps]


def test_a_good_upgrade_passes_and_is_reversible(world, base, tmp_path):
    report = world.rehearse(world.release("1.1.0"), tmp_path, base=base)
    assert (report.verdict, report.contract) == ("passed", "reversible"), report.reason
    names = "artifacts artifacts cluster install seed verify backup upgrade verify rollback verify"
    assert states(report) == [(name, "passed") for name in names.split()]
    files = {file.path for file in report.evidence}
    assert {"timeline.json", "suite-upgrade.xml", "1.1.0/events.txt", "1.1.0/manifest.yaml", "harness.log"} <= files
    images = json.loads((tmp_path / "1.1.0/images.json").read_text())
    assert images["running"]
    assert all(one["pinned"] for one in images["running"])


def test_the_first_release_is_installed_and_checked(world, base, tmp_path):
    report = world.rehearse(base, tmp_path)
    assert (report.verdict, report.contract) == ("passed", "unknown"), report.reason
    assert [name for name, _ in states(report)] == ["artifacts", "cluster", "install", "seed", "verify"]


def test_a_release_that_crashes_fails_with_its_log_line(world, base, tmp_path):
    broken = world.release("1.2.0", (CONTAINER, CONTAINER + CRASH))
    report = world.rehearse(broken, tmp_path, base=base)
    assert report.verdict == "failed"
    assert states(report)[-1] == ("upgrade", "failed")
    assert "FATAL: migration 7 failed: no such column" in report.reason
    assert any("FATAL" in path.read_text() for path in tmp_path.glob("1.2.0/logs/*/notes*.log"))


def test_a_release_that_fails_its_suite_fails_with_the_test(world, base, tmp_path):
    report = world.rehearse(world.release("1.3.0", (CONTAINER, CONTAINER)), tmp_path, base=base)
    assert report.verdict == "failed"
    assert states(report)[-1] == ("verify", "failed")
    assert "test_the_note_is_still_there" in report.reason


def test_a_rollback_that_loses_the_data_needs_the_backup(world, base, tmp_path):
    edits = [(CONTAINER, CONTAINER + NEW_PLACE), ("      containers:\n", MOVE)]
    report = world.rehearse(world.release("1.4.0", *edits), tmp_path, base=base)
    assert (report.verdict, report.contract) == ("passed", "restore-required"), report.reason
    assert states(report)[-4:] == [
        ("rollback", "passed"),
        ("verify", "failed"),
        ("restore", "passed"),
        ("verify", "passed"),
    ]


def test_without_a_backup_it_is_one_way_and_still_good(world, base, tmp_path):
    edits = [(CONTAINER, CONTAINER + NEW_PLACE), ("      containers:\n", MOVE)]
    base = msgspec.structs.replace(base, backup=())
    report = world.rehearse(world.release("1.5.0", *edits), tmp_path, base=base)
    assert (report.verdict, report.contract) == ("passed", "one-way"), report.reason


def test_an_image_that_does_not_exist_fails_without_a_cluster(world, base, tmp_path):
    missing = world.manifest("1.0.0", {f"{IMAGE}:1.0.0": "sha256:" + "0" * 64})
    report = world.rehearse(missing, tmp_path)
    assert report.verdict == "failed"
    assert "does not exist: its registry answers 404" in report.reason
    assert states(report) == [("artifacts", "failed")]


def test_a_registry_that_is_down_says_nothing_about_the_release(world, base, tmp_path):
    nobody = Registries(from_host={"*": f"http://127.0.0.1:{registry.free_port('127.0.0.1')}"})
    report = world.rehearse(base, tmp_path, registries=nobody)
    assert report.verdict == "errored"
    assert states(report) == [("artifacts", "errored")]


def test_nodes_that_cannot_reach_the_registry_say_nothing_about_the_release(world, base, tmp_path):
    gateway = world.registry.cluster_host.split(":")[0]
    closed = Registries(
        from_host={"*": world.registry.url}, from_pods={"*": f"http://{gateway}:{registry.free_port(gateway)}"}
    )
    report = world.rehearse(base, tmp_path, registries=closed)
    assert report.verdict == "errored"
    assert "the cluster cannot pull it" in report.reason


def test_a_rehearsal_that_is_stopped_is_errored_leaves_evidence_and_no_cluster(world, base, tmp_path):
    slow = world.release("1.6.0", (CONTAINER, CONTAINER + "          command: [sleep, '900']\n"))
    file = tmp_path / "request.json"
    file.write_bytes(msgspec.json.encode(world.request(slow, tmp_path / "evidence")))
    harness = subprocess.Popen([sys.executable, "-m", "test_harness", str(file)], stdout=subprocess.PIPE, text=True)
    for line in harness.stdout:
        step = json.loads(line)
        if step["name"] == "install":
            time.sleep(10)
            harness.terminate()
            break
    assert harness.wait(timeout=60) == 2
    report = msgspec.json.decode((tmp_path / "report.json").read_bytes(), type=RunReport)
    assert report.verdict == "errored"
    assert "its time was up" in report.reason
    assert states(report)[-1] == ("install", "errored")
    assert "1.6.0/events.txt" in {file.path for file in report.evidence}
    assert report.cluster not in world.publisher.engine.docker("ps", "--all", "--format", "{{.Names}}")
