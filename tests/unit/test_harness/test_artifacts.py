"""Charts and images at a registry over real HTTP: what is not there fails a release, what does not answer says nothing."""

import socket

import msgspec
import pytest
from msgspec.structs import replace

from cluster_agent.contract import ApplicationManifest, Artifact
from control_plane.publishing.artifacts import artifact_keep, artifact_path
from control_plane.publishing.storage import DirectoryStorage
from test_harness.errors import CouldNotTell, ReleaseFailed
from test_harness.rehearsal.artifacts import Artifacts
from test_harness.runner import Registries, RunRequest

DIGEST = "sha256:" + "a" * 64
MANIFEST = f"/v2/web/web/manifests/{DIGEST}"
APPLICATION = ApplicationManifest(
    name="web",
    release="1.0.0",
    release_digest=DIGEST,
    namespace="web",
    artifact=Artifact(ref="ghcr.io/charts/web", digest=DIGEST),
    images={"docker.io/web/web:1.0.0": DIGEST},
)


@pytest.fixture
def artifacts(tmp_path, httpserver):
    return Artifacts(tmp_path / "charts", Registries(from_host={"*": httpserver.url_for("")}, artifacts=str(tmp_path)))


def test_an_image_that_is_there(artifacts, httpserver):
    httpserver.expect_request(MANIFEST, method="HEAD", query_string="ns=docker.io").respond_with_data("")
    artifacts.check_images(APPLICATION)


def test_an_image_that_does_not_exist_fails_the_release(artifacts, httpserver):
    httpserver.expect_request(MANIFEST).respond_with_data("", status=404)
    with pytest.raises(ReleaseFailed, match=r"docker\.io/web/web:1\.0\.0@sha256:aaaa.* does not exist"):
        artifacts.check_images(APPLICATION)


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_a_registry_in_trouble_says_nothing(artifacts, httpserver, status):
    httpserver.expect_request(MANIFEST).respond_with_data("", status=status)
    with pytest.raises(CouldNotTell, match=f"HTTP {status}"):
        artifacts.check_images(APPLICATION)


def test_a_registry_that_is_down_says_nothing(tmp_path):
    with socket.socket() as nobody:  # bound and not listening: connections are refused
        nobody.bind(("127.0.0.1", 0))
        mirrors = {"*": f"http://127.0.0.1:{nobody.getsockname()[1]}"}
        expect_silence(Artifacts(tmp_path, Registries(from_host=mirrors)))


def expect_silence(artifacts):
    with pytest.raises(CouldNotTell, match="cannot be reached"):
        artifacts.check_images(APPLICATION)
    with pytest.raises(CouldNotTell):
        artifacts.chart(APPLICATION)


def test_a_registry_that_hands_out_tokens(artifacts, httpserver):
    challenge = f'Bearer realm="{httpserver.url_for("/token")}",service="r",scope="repository:web/web:pull"'
    httpserver.expect_request(MANIFEST, headers={"Authorization": "Bearer t1"}).respond_with_data("")
    httpserver.expect_request(MANIFEST).respond_with_data("", status=401, headers={"WWW-Authenticate": challenge})
    httpserver.expect_request(
        "/token", query_string={"service": "r", "scope": "repository:web/web:pull"}
    ).respond_with_json({"token": "t1"})
    artifacts.check_images(APPLICATION)


def test_a_registry_that_wants_a_password_says_nothing(artifacts, httpserver):
    httpserver.expect_request(MANIFEST).respond_with_data("", status=401, headers={"WWW-Authenticate": "Basic"})
    with pytest.raises(CouldNotTell, match="login"):
        artifacts.check_images(APPLICATION)


def test_a_chart_that_does_not_exist_fails_the_release(artifacts, httpserver):
    httpserver.expect_request(f"/v2/charts/web/manifests/{DIGEST}").respond_with_data("", status=404)
    with pytest.raises(ReleaseFailed, match="the chart does not exist"):
        artifacts.chart(APPLICATION)


def test_bytes_that_are_not_the_charts_fail_the_release(artifacts, httpserver):
    httpserver.expect_request(f"/v2/charts/web/manifests/{DIGEST}").respond_with_json({"layers": []})
    with pytest.raises(ReleaseFailed, match="the bytes that came are not"):
        artifacts.chart(APPLICATION)


def kept(tmp_path, content=b"a packed chart"):
    digest = artifact_keep(DirectoryStorage(tmp_path), content)
    return replace(APPLICATION, artifact=Artifact(ref="tidegate:web", digest=digest))


def test_a_kept_chart_is_read_from_the_control_planes_folder(artifacts, tmp_path):
    assert artifacts.chart(kept(tmp_path)).read_bytes() == b"a packed chart"


def test_a_kept_chart_is_read_from_the_control_planes_address(tmp_path, httpserver):
    application = kept(tmp_path / "elsewhere")
    httpserver.expect_request(f"/tuf/{artifact_path(application.artifact.digest)}").respond_with_data(b"a packed chart")
    artifacts = Artifacts(tmp_path / "charts", Registries(artifacts=httpserver.url_for("/tuf")))
    assert artifacts.chart(application).read_bytes() == b"a packed chart"


def test_a_kept_chart_that_was_lost_says_nothing_about_the_release(artifacts, tmp_path):
    application = kept(tmp_path)
    (tmp_path / artifact_path(application.artifact.digest)).unlink()
    with pytest.raises(CouldNotTell, match="tidegate:web is not kept"):
        artifacts.chart(application)


def test_a_kept_chart_that_was_damaged_says_nothing_about_the_release(artifacts, tmp_path):
    application = kept(tmp_path)
    (tmp_path / artifact_path(application.artifact.digest)).write_bytes(b"a pack")
    with pytest.raises(CouldNotTell, match="the bytes that came are not"):
        artifacts.chart(application)


def test_requests_of_before_are_still_read():
    request = RunRequest(run_id="r", candidate=APPLICATION, evidence="/e", registries=Registries(from_host={"*": "x"}))
    assert b"artifacts" not in msgspec.json.encode(request)
    assert msgspec.json.decode(msgspec.json.encode(request), type=RunRequest).registries.artifacts == ""
