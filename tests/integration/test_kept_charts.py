"""A chart in no registry, from the control plane's keeping to agents and rehearsals: the real web server, the real readers."""

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from cluster_agent.applying.artifacts import ChartStore
from cluster_agent.contract import ApplicationManifest, Artifact
from cluster_agent.errors import Unreachable, Untrusted
from control_plane.publishing.artifacts import artifact_path
from control_plane.services.outside import keeper_of, workplace_of
from control_plane.settings import Settings
from control_plane.store.migrate import upgrade_database
from test_harness.rehearsal.artifacts import Artifacts
from tests.support.hooks import web_server

CHART = gzip.compress(bytes(range(256)) * 5000, compresslevel=1, mtime=0)
DIGEST = f"sha256:{hashlib.sha256(CHART).hexdigest()}"
KEPT = Artifact(ref="tidegate:web", digest=DIGEST)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = Settings(data_dir=tmp_path_factory.mktemp("data"))
    upgrade_database(made.database)
    keeper_of(made)(CHART)
    return made


@pytest.fixture(scope="module")
def address(settings: Settings) -> Iterator[str]:
    told = {"TIDEGATE_DATA_DIR": str(settings.data_dir)}
    with web_server(told, settings.data_dir / "web.log") as base:
        yield f"{base}/tuf"


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    with httpx2.Client(timeout=10) as client:
        yield client


def test_an_agent_has_the_very_bytes(address: str, http: httpx2.Client, tmp_path: Path) -> None:
    store = ChartStore(tmp_path, http, kept_at=address)
    path = store.chart(KEPT)
    assert path.read_bytes() == CHART
    path.write_bytes(CHART[:1000])
    assert store.chart(KEPT).read_bytes() == CHART


def test_a_rehearsal_has_the_very_bytes(settings: Settings, tmp_path: Path) -> None:
    application = ApplicationManifest(name="web", release="1", release_digest=DIGEST, namespace="web", artifact=KEPT)
    artifacts = Artifacts(tmp_path, workplace_of(settings).registries)
    assert artifacts.chart(application).read_bytes() == CHART


def test_it_is_served_for_ever_and_compared_by_tag(address: str, http: httpx2.Client) -> None:
    answer = http.get(f"{address}/{artifact_path(DIGEST)}")
    assert (answer.status_code, answer.content) == (200, CHART)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "application/gzip"
    again = http.get(str(answer.url), headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    ["artifacts", "artifacts/", "artifacts/web.tgz", "artifacts/..%2f..%2fkeys/online.pem", "artifacts%2f.tmp-x"],
)
def test_nothing_else_is_served(address: str, http: httpx2.Client, path: str) -> None:
    assert http.get(f"{address}/{path}").status_code == 404


def test_one_that_is_not_kept_yet(address: str, http: httpx2.Client, tmp_path: Path) -> None:
    with pytest.raises(Unreachable) as caught:
        ChartStore(tmp_path, http, kept_at=address).chart(Artifact(ref="tidegate:web", digest=f"sha256:{'0' * 64}"))
    assert caught.value.code == "artifact_missing"


def test_one_that_was_changed_where_it_is_kept(
    settings: Settings, address: str, http: httpx2.Client, tmp_path: Path
) -> None:
    other = f"sha256:{'1' * 64}"
    (settings.tuf_dir / artifact_path(other)).write_bytes(CHART)
    with pytest.raises(Untrusted) as caught:
        ChartStore(tmp_path, http, kept_at=address).chart(Artifact(ref="tidegate:web", digest=other))
    assert caught.value.code == "digest_mismatch"
