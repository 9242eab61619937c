"""Debian's docker-registry behind a password: the control plane, the harness and the agent read it with their account, and without none."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from cluster_agent.applying.artifacts import CHART_LAYER, ChartStore
from cluster_agent.applying.registry_login import Logins
from cluster_agent.contract import ApplicationManifest, Artifact
from cluster_agent.errors import Unreachable
from control_plane.domain.errors import NotFound, Transient
from control_plane.services.rehearsal_logins import logins_for
from control_plane.upstreams.charts import CHART_CONFIG, pull_chart
from control_plane.upstreams.credentials import NOBODY
from control_plane.upstreams.oci import RegistryClient
from test_harness.errors import CouldNotTell, ReleaseFailed
from test_harness.rehearsal.artifacts import Artifacts
from test_harness.runner import Registries, docker_config
from tests.support.accounts import Heard, accounts, entry
from tests.support.helm_repository import packed
from tests.support.private_registry import PASSWORD, USER, PrivateRegistry, push, serving

CHART = packed("web", "1.0.0")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRegistry]:
    folder = tmp_path_factory.mktemp("private")
    with serving(folder / "blobs", folder) as served:
        yield served


@pytest.fixture(scope="module")
def application(registry: PrivateRegistry) -> ApplicationManifest:
    image_config = ("application/vnd.oci.image.config.v1+json", b'{"os": "linux", "architecture": "amd64"}')
    layer = ("application/vnd.oci.image.layer.v1.tar", b"a layer")
    image = push(registry, "acme/web", "1.0.0", image_config, layer)
    chart = push(registry, "acme/charts/web", "1.0.0", (CHART_CONFIG, b"{}"), (CHART_LAYER, CHART))
    return ApplicationManifest(
        name="web",
        release="1.0.0",
        release_digest=chart,
        namespace="web",
        artifact=Artifact(ref=f"{registry.host}/acme/charts/web", digest=chart),
        images={f"{registry.host}/acme/web:1.0.0": image},
    )


def test_the_control_plane_reads_it_with_its_account_alone(
    registry: PrivateRegistry, application: ApplicationManifest
) -> None:
    found, heard = accounts(entry(registry.host, USER, PASSWORD)), Heard()
    found.note = heard
    name, chart = f"{registry.host}/acme/web", application.artifact
    with RegistryClient(accounts=found) as client:
        assert client.tags(name) == ["1.0.0"]
        assert pull_chart(client, chart.ref, chart.digest) == CHART
        with pytest.raises(NotFound):
            client.head(f"{name}:2.0.0")
    assert set(heard.said) == {(USER, "")}
    wrong = accounts(entry(registry.host, USER, "another"))
    wrong.note = heard
    for nobody in (NOBODY, wrong):
        with RegistryClient(accounts=nobody) as client, pytest.raises(Transient) as caught:
            client.tags(name)
        assert caught.value.code == "denied"
    assert heard.said[-1] == (USER, "HTTP 401")


def test_the_harness_reads_chart_and_images_with_what_it_was_handed(
    application: ApplicationManifest, registry: PrivateRegistry, tmp_path: Path
) -> None:
    found = accounts(entry(registry.host, USER, PASSWORD, application="web"))
    logins = logins_for([application], found, {})
    assert set(logins) == {f"{registry.host}/acme/charts/web", f"{registry.host}/acme/web"}
    artifacts = Artifacts(tmp_path, Registries(), Logins(config=docker_config(logins)))
    assert artifacts.chart(application).read_bytes() == CHART
    artifacts.check_images(application)
    missing = ApplicationManifest(
        name="web",
        release="1",
        release_digest="x",
        namespace="web",
        artifact=application.artifact,
        images={f"{registry.host}/acme/web:9": f"sha256:{'0' * 64}"},
    )
    with pytest.raises(ReleaseFailed, match="does not exist"):
        artifacts.check_images(missing)


def test_the_harness_concludes_nothing_where_it_is_not_let_in(
    application: ApplicationManifest, registry: PrivateRegistry, tmp_path: Path
) -> None:
    other = accounts(entry(registry.host, USER, PASSWORD, application="wiki"))
    assert logins_for([application], other, {}) == {}
    assert logins_for([application], accounts(entry(registry.host, USER, PASSWORD)), {"*": "http://mirror"}) == {}
    without = Artifacts(tmp_path, Registries())
    with pytest.raises(CouldNotTell, match="asks for a login"):
        without.check_images(application)
    with pytest.raises(CouldNotTell, match="asks for a login"):
        without.chart(application)


def test_the_agent_reads_charts_with_its_own_account(
    application: ApplicationManifest, registry: PrivateRegistry, tmp_path: Path
) -> None:
    logins = logins_for([application], accounts(entry(registry.host, USER, PASSWORD)), {})
    (tmp_path / "config.json").write_bytes(docker_config(logins))
    with httpx2.Client() as http:
        store = ChartStore(tmp_path / "charts", http, logins=Logins(tmp_path / "config.json"))
        assert store.chart(application.artifact).read_bytes() == CHART
        with pytest.raises(Unreachable, match="there is no account"):
            ChartStore(tmp_path / "none", http).chart(application.artifact)
