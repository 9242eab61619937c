"""The agent's charts: of registries and of the control plane, verified whenever they are used."""

import hashlib
import json
import socket

import httpx2
import pytest

from cluster_agent.applying import artifacts
from cluster_agent.applying.artifacts import CHART_LAYER, ChartStore
from cluster_agent.contract import Artifact
from cluster_agent.errors import Unreachable, Untrusted

CHART = b"a packed chart" * 100
DIGEST = f"sha256:{hashlib.sha256(CHART).hexdigest()}"
KEPT = Artifact(ref="tidegate:web", digest=DIGEST)
FILE = f"/tuf/artifacts/sha256-{DIGEST.removeprefix('sha256:')}.tgz"
MANIFEST = json.dumps({"layers": [{"mediaType": CHART_LAYER, "digest": DIGEST, "size": len(CHART)}]}).encode()
OF_REGISTRY = Artifact(ref="ghcr.io/charts/web", digest=f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}")


@pytest.fixture
def store(tmp_path, httpserver):
    with httpx2.Client(timeout=5) as http:
        yield ChartStore(tmp_path / "charts", http, {"*": httpserver.url_for("")}, kept_at=httpserver.url_for("/tuf/"))


@pytest.fixture
def registry(httpserver):
    httpserver.expect_request(f"/v2/charts/web/manifests/{OF_REGISTRY.digest}").respond_with_data(MANIFEST)
    httpserver.expect_request(f"/v2/charts/web/blobs/{DIGEST}").respond_with_data(CHART)
    return httpserver


@pytest.fixture
def control_plane(httpserver):
    httpserver.expect_request(FILE).respond_with_data(CHART, content_type="application/gzip")
    return httpserver


def left_over(store):
    return list(store._folder.glob("*.part"))


def test_a_kept_chart_is_fetched_once(store, control_plane):
    assert store.chart(KEPT).read_bytes() == CHART
    assert store.chart(KEPT).read_bytes() == CHART
    assert len(control_plane.log) == 1
    assert control_plane.log[0][0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("damage", [b"", CHART[:100], b"X" + CHART[1:], CHART + b"X"])
def test_a_kept_chart_that_was_damaged_is_fetched_again(store, control_plane, damage):
    store.chart(KEPT).write_bytes(damage)
    assert store.chart(KEPT).read_bytes() == CHART
    assert len(control_plane.log) == 2


@pytest.mark.parametrize("damage", [b"", CHART[:100], b"X" + CHART[1:], CHART + b"X"])
def test_a_chart_of_a_registry_that_was_damaged_is_fetched_again(store, registry, damage):
    store.chart(OF_REGISTRY).write_bytes(damage)
    assert store.chart(OF_REGISTRY).read_bytes() == CHART
    assert [request.path.split("/")[-2] for request, _ in registry.log] == ["manifests", "blobs", "blobs"]


def test_a_manifest_of_a_registry_that_was_damaged_is_fetched_again(store, registry):
    store.chart(OF_REGISTRY)
    (manifest,) = store._folder.glob("*.json")
    manifest.write_bytes(b"{}")
    assert store.chart(OF_REGISTRY).read_bytes() == CHART
    assert [request.path.split("/")[-2] for request, _ in registry.log] == ["manifests", "blobs", "manifests"]


def test_a_chart_is_one_whichever_way_it_came(store, registry, control_plane):
    assert store.chart(OF_REGISTRY) == store.chart(KEPT)


def test_other_bytes_are_refused_and_not_kept(store, httpserver):
    httpserver.expect_request(FILE).respond_with_data(CHART[:-1], content_type="application/gzip")
    with pytest.raises(Untrusted) as caught:
        store.chart(KEPT)
    assert caught.value.code == "digest_mismatch"
    assert not list(store._folder.iterdir())


def test_a_chart_that_is_too_large_is_refused_and_not_kept(store, control_plane, monkeypatch):
    monkeypatch.setattr(artifacts, "MAX_CHART_BYTES", 1000)
    with pytest.raises(Untrusted) as caught:
        store.chart(KEPT)
    assert caught.value.code == "artifact_too_large"
    assert not list(store._folder.iterdir())


@pytest.mark.parametrize(
    ("status", "code", "after"),
    [(404, "artifact_missing", 60.0), (302, "artifacts_unreachable", 30.0), (503, "artifacts_unreachable", 7.0)],
)
def test_a_control_plane_that_does_not_give_it(store, httpserver, status, code, after):
    headers = {"Retry-After": "7"} if status == 503 else {"Location": "/elsewhere"}
    httpserver.expect_request(FILE).respond_with_data(b"", status=status, headers=headers)
    with pytest.raises(Unreachable) as caught:
        store.chart(KEPT)
    assert (caught.value.code, caught.value.retry_after) == (code, after)
    assert not left_over(store)


def test_a_sign_in_page_is_no_chart(store, httpserver):
    httpserver.expect_request(FILE).respond_with_data(b"<html>", content_type="text/html")
    with pytest.raises(Unreachable, match="a web page"):
        store.chart(KEPT)


def test_a_web_server_that_calls_gzip_an_encoding_does_no_harm(store, httpserver):
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/x-tar"}
    httpserver.expect_request(FILE).respond_with_data(CHART, headers=headers)
    assert store.chart(KEPT).read_bytes() == CHART


def test_a_control_plane_that_is_down(tmp_path):
    with socket.socket() as nobody, httpx2.Client() as http:
        nobody.bind(("127.0.0.1", 0))
        store = ChartStore(tmp_path, http, kept_at=f"http://127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(Unreachable) as caught:
            store.chart(KEPT)
    assert caught.value.code == "artifacts_unreachable"


def test_a_control_plane_that_is_down_does_not_matter_for_a_chart_that_is_here(store, control_plane):
    store.chart(KEPT)
    control_plane.clear()
    assert store.chart(KEPT).read_bytes() == CHART


@pytest.mark.parametrize("digest", ["", "sha256:../../etc/passwd", f"sha256:{'A' * 64}", f"sha512:{'a' * 64}"])
def test_a_kept_chart_has_a_sha256_digest(store, digest):
    with pytest.raises(Untrusted) as caught:
        store.chart(Artifact(ref="tidegate:web", digest=digest))
    assert caught.value.code == "bad_digest"


def test_a_folder_that_cannot_be_read_says_nothing(tmp_path):
    (tmp_path / "kept" / FILE.removeprefix("/tuf/")).mkdir(parents=True)
    with httpx2.Client() as http, pytest.raises(Unreachable) as caught:
        ChartStore(tmp_path / "charts", http, kept_at=str(tmp_path / "kept")).chart(KEPT)
    assert caught.value.code == "artifacts_unreachable"


def test_nobody_said_where_kept_charts_are(tmp_path):
    with httpx2.Client() as http, pytest.raises(Unreachable, match="nobody said where"):
        ChartStore(tmp_path, http).chart(KEPT)
