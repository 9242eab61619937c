"""charts/tidegate in a real cluster, as docs/production.md installs it: a release goes its way, a pod is killed, the chart is upgraded.

Each test is one step and needs those before it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from examples import publishing
from examples.notes.publish import HERE, publish
from test_harness.clusters.kind import KindProvider
from test_harness.images import registry as registries
from test_harness.images.programs import build_program
from test_harness.offline.errors import ProvisioningError
from test_harness.offline.prepare import everything
from tests.e2e.chart_world import NAMESPACE, ROOT, ChartWorld, image_of_the_next_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from test_harness.images.registry import Registry

pytestmark = pytest.mark.e2e
CHART = str(ROOT / "charts/tidegate")
PARTS = ("web", "worker", "rehearsals", "beat")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registries.running(everything().engine, tmp_path_factory.mktemp("registry")) as served:
        yield served


@pytest.fixture(scope="module")
def image() -> str:
    return build_program(everything(), "control-plane")


@pytest.fixture(scope="module")
def newer(image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return image_of_the_next_version(everything(), image, tmp_path_factory.mktemp("next"))


@pytest.fixture(scope="module")
def world(registry: Registry, image: str, newer: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChartWorld]:
    ready = everything()
    cluster = KindProvider(ready).create("chart")
    made = ChartWorld(cluster, ready, tmp_path_factory.mktemp("chart"), registry.cluster_url)
    try:
        cluster.connect_mirror(registry.cluster_url)
        made.prepare(image, newer)
        yield made
    finally:
        made.forwards.close()
        cluster.delete()


@pytest.fixture(autouse=True)
def _needs_the_steps_before(request: pytest.FixtureRequest) -> None:
    if request.session.testsfailed:
        pytest.fail("a step before this one did not come true")


@pytest.fixture(scope="module")
def browser() -> Iterator[httpx2.Client]:
    """What a signed-in person's browser keeps."""
    with httpx2.Client(follow_redirects=False, timeout=20) as client:
        yield client


def test_1_helm_installs_every_part(world: ChartWorld, image: str) -> None:
    told = world.helm("install", "tidegate", CHART, "--wait", "--timeout", "180s", values=world.values(image))
    assert "grep -A 1 'First sign-in'" in told
    assert {part: len(world.pods(part)) for part in PARTS} == {"web": 2, "worker": 1, "rehearsals": 1, "beat": 1}
    assert world.sql("SELECT count(*) FROM tidegate_schema") == "1"


def test_2_a_part_has_no_more_rights_than_it_needs(world: ChartWorld) -> None:
    for part in PARTS:
        [pod, *_] = world.pods(part)
        assert pod["spec"]["securityContext"]["runAsNonRoot"]
        workload = f"pod/{pod['metadata']['name']}"
        for refused, why in {"ls /var/run/secrets/kubernetes.io": "No such file", "touch /etc/x": "Read-only"}.items():
            with pytest.raises(Exception, match=why):
                world.exec(workload, *refused.split())
        seen = world.exec(workload, "ls", "/etc/tidegate").split()
        assert ("root-key" in seen, "online-key" in seen, "rehearsals" in seen) == (
            part == "worker",
            part == "worker",
            part == "rehearsals",
        )
    assert "root.pem" not in world.exec("deploy/tidegate-worker", "ls", "/var/lib/tidegate/data/keys")


def test_3_the_first_password_opens_the_dashboard(world: ChartWorld, browser: httpx2.Client) -> None:
    logs = "".join(world.kubectl("-n", NAMESPACE, "logs", pod["metadata"]["name"]) for pod in world.pods("web"))
    [password] = re.findall(r"user admin +password (\S+)", logs)
    assert _sign_in(browser, world.url, "guessed") == 401
    assert _sign_in(browser, world.url, password) == 302
    assert browser.get(f"{world.url}/").is_success


def test_4_a_release_is_rehearsed_in_the_test_cluster_and_published(world: ChartWorld, registry: Registry) -> None:
    world.tidegate("app", "apply", "-f", str(HERE / "application.yaml"))
    publish("1.0.0", publishing.publisher(registry.host))

    def decided() -> dict[str, Any] | None:
        rows = world.read("release", "list", "notes")
        return next((row for row in rows if row["state"] in {"verified", "failed", "errored"}), None)

    row = world.wait("the release is rehearsed", decided, seconds=240)
    assert row["state"] == "verified", world.tidegate("release", "show", "notes", "1.0.0")
    world.wait("it is in edge", lambda: _edge(world) == {"notes": "1.0.0"}, seconds=30)
    world.wait(
        "its manifest is signed", lambda: httpx2.get(f"{world.url}/tuf/metadata/timestamp.json").is_success, seconds=30
    )
    evidence = world.exec("deploy/tidegate-web", "ls", "/var/lib/tidegate/data/evidence/run-1")
    assert "timeline.json" in evidence


def test_5_a_killed_web_pod_is_not_missed(world: ChartWorld, browser: httpx2.Client) -> None:
    [killed, other] = [pod["metadata"]["name"] for pod in world.pods("web")]
    world.kubectl("-n", NAMESPACE, "delete", "pod", killed, "--force", "--grace-period=0")
    inside = "import urllib.request as u; print(u.urlopen('http://tidegate:8080/readyz', timeout=5).status)"
    assert world.exec(f"pod/{other}", "python", "-c", inside).strip() == "200"
    world.forwards.close()
    assert browser.get(f"{world.url}/").is_success
    world.kubectl("-n", NAMESPACE, "rollout", "status", "deploy/tidegate-web", "--timeout=90s")


def test_6_an_upgrade_migrates_once_and_keeps_everything(world: ChartWorld, newer: str, browser: httpx2.Client) -> None:
    root = httpx2.get(f"{world.url}/tuf/metadata/1.root.json").content
    (world.folder / "secret").write_text("hunter2")
    world.tidegate("account", "add", "ghcr.io/acme", "--user", "ci", "--secret-file", str(world.folder / "secret"))
    world.kubectl("-n", NAMESPACE, "delete", "secret", "tidegate-root-key")  # a person has taken it away
    world.helm("upgrade", "tidegate", CHART, "--wait", "--timeout", "180s", values=world.values(newer))
    assert world.sql("SELECT version_num FROM tidegate_schema") == "9999"
    assert world.sql("SELECT count(*) FROM of_the_next_version") == "0"
    world.forwards.close()
    assert _edge(world) == {"notes": "1.0.0"}
    assert httpx2.get(f"{world.url}/tuf/metadata/1.root.json").content == root
    assert browser.get(f"{world.url}/").is_success
    assert [row["state"] for row in world.read("release", "list", "notes")] == ["verified"]
    assert "ghcr.io/acme" in world.tidegate("account", "list")
    assert world.exec("deploy/tidegate-worker", "cat", "/var/lib/tidegate/sealing/secrets.key").strip()


def test_7_an_older_program_refuses_the_newer_database_and_the_running_one_goes_on(
    world: ChartWorld, image: str
) -> None:
    with pytest.raises(ProvisioningError, match="pre-upgrade hooks failed"):
        world.helm("upgrade", "tidegate", CHART, "--wait", "--timeout", "60s", values=world.values(image))
    said = world.kubectl("-n", NAMESPACE, "logs", "job/tidegate-migrate")
    assert "a newer Tidegate has changed this database" in said
    assert _edge(world) == {"notes": "1.0.0"}


def test_8_one_pod_with_sqlite_is_enough_for_a_trial(world: ChartWorld, image: str) -> None:
    values = world.values(image) | {"embedded": True, "keys": {}, "rehearsals": {}, "database": {}, "broker": {}}
    world.helm("install", "small", CHART, "--wait", "--timeout", "120s", values=values)
    told = world.exec("statefulset/small", "tidegate", "app", "list", "-o", "json")
    assert json.loads(told) == []
    assert "root.pem" in world.exec("statefulset/small", "ls", "/var/lib/tidegate/data/keys")


def _edge(world: ChartWorld) -> dict[str, str]:
    return next(row["applications"] for row in world.read("channel", "list") if row["name"] == "edge")


def _sign_in(browser: httpx2.Client, url: str, password: str) -> int:
    page = browser.get(f"{url}/sign-in")
    [token] = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    form = {"csrfmiddlewaretoken": token, "name": "admin", "password": password, "next": ""}
    return int(browser.post(f"{url}/sign-in", data=form, headers={"Referer": url}).status_code)
