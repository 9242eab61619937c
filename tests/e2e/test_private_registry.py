"""A rehearsal of what is not public: chart and images behind a password, in a cluster that is thrown away with it.

The charts are as their publisher wrote them; the base comes from the private registry, the candidate is a chart that the control plane
keeps. Afterwards the password is nowhere.
"""

import base64
import uuid
from pathlib import Path

import httpx2
import pytest

from cluster_agent.contract import ApplicationManifest, Artifact, release_digest
from control_plane.publishing.artifacts import artifact_keep
from control_plane.publishing.storage import DirectoryStorage
from control_plane.services.rehearsal_logins import logins_for
from examples import publishing
from examples.notes.publish import CHART, HERE, IMAGE
from test_harness.clusters.network import gateway_address
from test_harness.images import registry
from test_harness.runner import NO_LOGINS, Registries, RunRequest, run
from tests.support.accounts import accounts, entry
from tests.support.private_registry import PASSWORD, USER, PrivateRegistry, serving

pytestmark = pytest.mark.e2e


class World:
    """Releases of the notes application, to be had only with a password."""

    def __init__(self, private: PrivateRegistry, public: registry.Registry, folder: Path) -> None:
        self.private, self.public, self.kept = private, public, folder / "tuf"

    def manifest(self, version: str, artifact: Artifact) -> ApplicationManifest:
        image = f"{self.private.host}/{publishing.repository(IMAGE)}"
        images = {f"{image}:{version}": self.digest(IMAGE, version)}
        what = {"name": "notes", "release": version, "namespace": "notes", "artifact": artifact, "images": images}
        values = {"image": image}
        digest = release_digest(**what, values=values, backup=())
        return ApplicationManifest(**what, values=values, release_digest=digest, timeout_seconds=90)

    def in_registry(self, version: str) -> ApplicationManifest:
        ref = f"{self.private.host}/{publishing.repository(CHART)}"
        return self.manifest(version, Artifact(ref=ref, digest=self.digest(CHART, version)))

    def kept_here(self, version: str) -> ApplicationManifest:
        path = f"{self.public.url}/v2/{publishing.repository(CHART)}"
        (layer,) = httpx2.get(f"{path}/manifests/{version}", headers={"Accept": publishing.MANIFESTS}).json()["layers"]
        artifact_keep(DirectoryStorage(self.kept), httpx2.get(f"{path}/blobs/{layer['digest']}").content)
        return self.manifest(version, Artifact(ref="tidegate:notes", digest=layer["digest"]))

    def digest(self, name: str, tag: str) -> str:
        url = f"{self.public.url}/v2/{publishing.repository(name)}/manifests/{tag}"
        return httpx2.head(url, headers={"Accept": publishing.MANIFESTS}).headers["Docker-Content-Digest"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("upstream")
    engine = publishing.publisher("").engine
    with registry.running(engine, folder / "registry") as public:
        publisher = publishing.publisher(public.host)
        for version in ("1.0.0", "1.1.0"):
            publisher.build_image(IMAGE, version, HERE / "image")
            publisher.publish_chart(CHART, HERE / "chart", version, edits={})
        gateway = gateway_address(engine)
        with serving(folder / "registry" / "blobs", folder / "private", address=gateway, tls=True) as private:
            yield World(private, public, folder)


@pytest.fixture
def rehearse(world, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(world.private.authority))

    def go(candidate, base, found):
        request = RunRequest(
            run_id=uuid.uuid4().hex,
            candidate=candidate,
            base=base,
            evidence=str(tmp_path / "evidence"),
            suite=str(HERE / "suite"),
            registries=Registries(artifacts=str(world.kept)),
        )
        logins = logins_for([candidate, base], found, {}) if found else NO_LOGINS
        return run(request, on_event=lambda step: None, logins=logins)

    return go


def test_charts_and_images_behind_a_password_are_rehearsed_and_the_password_is_nowhere(world, rehearse, tmp_path):
    found = accounts(entry(world.private.host, USER, PASSWORD, application="notes"))
    report = rehearse(world.kept_here("1.1.0"), world.in_registry("1.0.0"), found)
    assert (report.verdict, report.contract) == ("passed", "reversible"), report.reason
    told = "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()) + repr(report)
    assert world.private.host in told
    for secret in (PASSWORD, _base64(PASSWORD), _base64(f"{USER}:{PASSWORD}")):
        assert secret not in told
    engine = publishing.publisher("").engine
    assert report.cluster not in engine.docker("ps", "--all", "--format", "{{.Names}}")


def test_without_a_login_nothing_is_concluded_and_no_cluster_is_made(world, rehearse):
    report = rehearse(world.in_registry("1.1.0"), world.in_registry("1.0.0"), None)
    assert report.verdict == "errored"
    assert "asks for a login" in report.reason
    assert [step.name for step in report.steps] == ["artifacts"]


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
