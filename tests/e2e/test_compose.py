"""The control plane as docker-compose.yml has it: six containers, PostgreSQL, Redis, rehearsals in a cluster that is there.

Each test is one step and needs those before it. Redis is wiped, and the rehearsing worker killed, while a release is on its way.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from examples import publishing
from examples.notes.publish import HERE, publish
from test_harness.clusters.kind import KindProvider
from test_harness.images import registry as registries
from test_harness.offline.commands import run
from test_harness.offline.prepare import everything
from tests.e2e.compose_project import HOME, ROOT, SERVICES, Project, make_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e
RELEASE = "applications/notes/releases/1.0.0"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compose")


@pytest.fixture(scope="module")
def registry(folder: Path) -> Iterator[registries.Registry]:
    with registries.running(everything().engine, folder / "registry") as served:
        yield served


@pytest.fixture(scope="module")
def kubeconfig(registry: registries.Registry) -> Iterator[str]:
    """Of a cluster that is there; the address in it is the one on kind's network."""
    ready = everything()
    cluster = KindProvider(ready).create("compose")
    cluster.connect_mirror(registry.cluster_url)
    yield run(
        [ready.kind, "get", "kubeconfig", "--internal", "--name", cluster.name], environment=ready.engine.environment()
    )
    cluster.delete()


@pytest.fixture(scope="module")
def project(folder: Path, registry: registries.Registry, kubeconfig: str) -> Iterator[Project]:
    port = registries.free_port("127.0.0.1")
    made = make_project(everything(), folder, port=port, kubeconfig=kubeconfig, mirror=registry.cluster_url)
    try:
        made.compose("up", "--detach", "--no-build")
        yield made
    finally:
        made.compose("down", "--volumes", "--timeout", "5", check=False)


@pytest.fixture(autouse=True)
def _needs_the_steps_before(request: pytest.FixtureRequest) -> None:
    if request.session.testsfailed:
        pytest.fail("a step before this one did not come true")


def health(project: Project, service: str) -> str:
    return project.container(service)["State"]["Health"]["Status"]


def steps(project: Project) -> list[dict[str, Any]]:
    """The steps of the newest rehearsal."""
    release = project.get(RELEASE) or {"runs": []}
    return [step for one in release["runs"][-1:] for step in one["steps"]]


def test_1_every_service_is_healthy(project: Project) -> None:
    for service in SERVICES:
        project.wait(f"{service} is healthy", lambda name=service: health(project, name) == "healthy", seconds=240)
    assert httpx2.get(f"{project.url}/readyz").is_success
    assert len(project.traces()["container"]) == len(SERVICES)


def test_2_containers_have_no_more_rights_than_they_need(project: Project) -> None:
    for service in SERVICES:
        described = project.container(service)
        host = described["HostConfig"]
        assert host["ReadonlyRootfs"], service
        assert host["CapDrop"] == ["ALL"], service
        assert host["SecurityOpt"] == ["no-new-privileges:true"], service
        assert host["RestartPolicy"]["Name"] == "unless-stopped"
        assert described["Config"]["User"].split(":")[0] not in {"", "0", "root"}, service
        bindings = [one for many in (host["PortBindings"] or {}).values() for one in many]
        assert {one["HostIp"] for one in bindings} == ({"127.0.0.1"} if service == "web" else set())
    with pytest.raises(AssertionError, match=r"timed out|unreachable"):
        project.exec("beat", "python", "-c", "import socket; socket.create_connection(('192.0.2.1', 80), 3)")
    for service in ("web", "rehearsals", "beat"):
        with pytest.raises(AssertionError, match="No such file"):
            project.exec(service, "ls", f"{HOME}/keys")
    for service in ("web", "rehearsals"):
        with pytest.raises(AssertionError, match="Read-only file system"):
            project.exec(service, "touch", f"{HOME}/tuf/x")


def test_3_the_cli_works_in_the_container_and_from_outside(project: Project, folder: Path) -> None:
    assert project.exec("web", "tidegate", "app", "list", "-o", "json").strip() == "[]"
    token = folder / "token"
    token.write_text(project.exec("web", "cat", f"{HOME}/cli-token"))
    outside = os.environ | {"TIDEGATE_URL": project.url, "TIDEGATE_TOKEN_FILE": str(token)}
    apply = [sys.executable, "-m", "control_plane", "app", "apply", "-f", str(HERE / "application.yaml")]
    subprocess.run(apply, env=outside, cwd=ROOT, check=True)
    assert "notes" in project.exec("web", "tidegate", "app", "list")
    refused = httpx2.get(f"{project.url}/api/v1/applications", headers={"Authorization": "Bearer guessed"})
    assert refused.status_code == 401


def test_4_a_release_arrives_though_redis_is_wiped_and_the_worker_killed(
    project: Project, registry: registries.Registry
) -> None:
    publish("1.0.0", publishing.publisher(registry.host))
    project.exec("redis", "redis-cli", "FLUSHALL")
    project.wait("the release is detected", lambda: project.get(RELEASE), seconds=60)
    project.exec("redis", "redis-cli", "FLUSHALL")
    project.wait("it is being installed", lambda: "install" in {step["name"] for step in steps(project)}, seconds=120)
    project.docker("exec", project.container("rehearsals")["Id"], "sh", "-c", "kill -9 $(cat /proc/1/task/1/children)")
    project.exec("redis", "redis-cli", "FLUSHALL")
    project.wait("the worker is restarted", lambda: project.container("rehearsals")["RestartCount"] == 1, seconds=30)
    release = project.wait(
        "it is verified",
        lambda: (found := project.get(RELEASE)) and found["state"] in {"verified", "failed"} and found,
        seconds=300,
    )
    assert [one["verdict"] for one in release["runs"]] == ["errored", "passed"], release
    assert "was lost" in release["runs"][0]["reason"]


def test_5_it_is_published_in_edge(project: Project) -> None:
    def published() -> list[dict[str, Any]]:
        rows = project.get("promotions?application=notes")
        return [row for row in rows if (row["channel"], row["state"]) == ("edge", "published")]

    [promotion] = project.wait("it is published", published, seconds=60)
    assert promotion["version"] == "1.0.0"
    files = project.wait(
        "its manifest is signed", lambda: project.exec("web", "ls", f"{HOME}/tuf/targets/channels/edge"), seconds=30
    )
    assert ".manifest.json" in files
    assert httpx2.get(f"{project.url}/tuf/metadata/timestamp.json").is_success
    assert "timeline.json" in project.exec("web", "ls", f"{HOME}/evidence/run-2")


def test_6_a_database_is_restored_from_its_backup(project: Project) -> None:
    """As docs/production.md tells; what happened after the backup is forgotten, what the channels' files say is not."""
    project.exec("postgres", "sh", "-c", "pg_dump -U tidegate -Fc tidegate > /tmp/tidegate.dump")
    project.exec("web", "tidegate", "app", "remove", "notes", "--reason", "by mistake")
    root = httpx2.get(f"{project.url}/tuf/metadata/1.root.json").content
    parts = ["web", "worker", "rehearsals", "beat"]
    project.compose("stop", "--timeout", "5", *parts)
    restore = "pg_restore --clean --if-exists -U tidegate -d tidegate < /tmp/tidegate.dump"
    project.exec("postgres", "sh", "-c", restore)
    project.compose("start", *parts)
    for service in parts:
        project.wait(f"{service} is healthy", lambda name=service: health(project, name) == "healthy", seconds=120)
    assert [row["name"] for row in project.get("applications")] == ["notes"]
    assert project.get(RELEASE)["state"] == "verified"
    assert "by mistake" not in project.exec("web", "tidegate", "audit")
    assert httpx2.get(f"{project.url}/tuf/metadata/1.root.json").content == root


def test_7_nothing_is_left_behind(project: Project) -> None:
    before = project.traces()
    assert {kind: len(names) for kind, names in before.items()} == {"container": 6, "volume": 6, "network": 2}
    mounted = [json_mount["Name"] for service in SERVICES for json_mount in project.container(service)["Mounts"]
               if json_mount["Type"] == "volume"]  # fmt: skip
    project.compose("down", "--volumes", "--timeout", "20")
    assert project.traces() == {"container": [], "volume": [], "network": []}
    assert not set(mounted) & set(project.docker("volume", "ls", "--quiet").split())
