"""The registry client, the chart reader and the image finder against Debian's docker-registry and the real Helm."""

import gzip
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from cluster_agent.contract import sha256_hex
from control_plane.domain.applications import ChannelRule, ChartUpstream, Declaration, RehearsalRule
from control_plane.domain.errors import InvalidInput, NotFound, Transient
from control_plane.domain.sources import SourceSpec
from control_plane.upstreams.charts import CHART_CONFIG, chart_rendering
from control_plane.upstreams.errors import ChartInvalid, ImageMissing
from control_plane.upstreams.oci import RegistryClient
from control_plane.upstreams.oci_source import OciSource
from control_plane.upstreams.reader import Reader

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
TEMPLATE = """\
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, namespace: {{ .Release.Namespace }}}
spec:
  jobTemplate:
    spec:
      template:
        spec:
          initContainers: [{name: wait, image: busybox}]
          containers: [{name: job, image: "{{ .Values.image }}"}]
{{ if .Values.broken }}{{ fail "no broken things" }}{{ end }}
"""


def program(name: str) -> str:
    found = shutil.which(os.environ.get(f"TIDEGATE_{name.upper()}", name))
    if found is None and os.environ.get("CI"):
        pytest.fail(f"{name} is missing: `make test` installs it")
    if found is None:
        pytest.skip(f"{name} is missing: `make test` installs it")
    return found


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("registry")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    config = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder)}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (folder / "config.yml").write_text(json.dumps(config))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program("docker-registry"), "serve", str(folder / "config.yml")], stdout=log, stderr=log
        )
    base = f"http://127.0.0.1:{port}"
    try:
        wait_for(base, process, folder / "log")
        yield base
    finally:
        process.kill()
        process.wait()


def wait_for(base: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx2.get(f"{base}/v2/").status_code == 200:
                return
        except httpx2.HTTPError:
            time.sleep(0.05)
    pytest.fail(f"docker-registry did not start: {log.read_text()[-400:]}")


def push_blob(base: str, name: str, content: bytes) -> str:
    digest = f"sha256:{sha256_hex(content)}"
    start = httpx2.post(f"{base}/v2/{name}/blobs/uploads/")
    location = httpx2.URL(start.headers["location"]).copy_merge_params({"digest": digest})
    assert httpx2.put(location, content=content).status_code == 201
    return digest


def push(base: str, name: str, tag: str, *, layer: bytes, layer_type: str, config_type: str) -> str:
    """Push a manifest with one layer; return its digest."""
    parts = [
        {"mediaType": kind, "digest": push_blob(base, name, content), "size": len(content)}
        for kind, content in ((config_type, b"{}"), (layer_type, layer))
    ]
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": parts[0], "layers": parts[1:]}
    url = f"{base}/v2/{name}/manifests/{tag}"
    answer = httpx2.put(url, content=json.dumps(manifest).encode(), headers={"Content-Type": MANIFEST})
    assert answer.status_code == 201
    return answer.headers["docker-content-digest"]


def push_image(base: str, name: str, tag: str) -> str:
    return push(
        base,
        name,
        tag,
        layer=f"{name}:{tag}".encode(),
        layer_type="application/vnd.oci.image.layer.v1.tar",
        config_type="application/vnd.oci.image.config.v1+json",
    )


def chart_package(template: str = TEMPLATE) -> bytes:
    files = {
        "job/Chart.yaml": "apiVersion: v2\nname: job\nversion: 1.2.0+b.1\nkubeVersion: '>=1.30.0-0'\n",
        "job/values.yaml": "image: ghcr.io/acme/job:1.2.0\nbroken: false\n",
        "job/templates/job.yaml": template,
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(packed.getvalue(), mtime=0)


def push_chart(base: str, tag: str, package: bytes) -> str:
    return push(base, "acme/charts/job", tag, layer=package, layer_type=CHART_LAYER, config_type=CHART_CONFIG)


@pytest.fixture
def client(registry: str) -> Iterator[RegistryClient]:
    with RegistryClient(mirrors={"*": registry}, timeout=5) as made:
        yield made


def declaration(**changes: Any) -> Declaration:
    chart = ChartUpstream(oci="ghcr.io/acme/charts/job")
    return Declaration(name="job", chart=chart, namespace="jobs", channels=(ChannelRule(name="edge"),), **changes)


def test_tags_digest_and_manifest_are_read_under_the_public_name(registry: str, client: RegistryClient) -> None:
    digests = {tag: push_image(registry, "acme/job", tag) for tag in ("1.0.0", "1.1.0", "latest")}
    assert sorted(client.tags("ghcr.io/acme/job")) == ["1.0.0", "1.1.0", "latest"]
    assert client.head("ghcr.io/acme/job:1.1.0") == digests["1.1.0"]
    manifest = client.manifest(f"ghcr.io/acme/job@{digests['1.0.0']}")
    assert (manifest.digest, manifest.media_type) == (digests["1.0.0"], MANIFEST)
    assert client.blob("ghcr.io/acme/job", manifest.content["layers"][0]["digest"]) == b"acme/job:1.0.0"


def test_what_is_not_there_is_not_found_and_says_where(registry: str, client: RegistryClient) -> None:
    push_image(registry, "acme/there", "1")
    with pytest.raises(NotFound, match=r"ghcr\.io/acme/there:2 does not exist.*404"):
        client.head("ghcr.io/acme/there:2")
    with pytest.raises(NotFound, match="NAME_UNKNOWN"):
        client.tags("ghcr.io/acme/nowhere")


def test_a_registry_that_is_down_says_nothing_about_its_tags() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        RegistryClient(mirrors={"*": f"http://127.0.0.1:{port}"}) as client,
        pytest.raises(Transient, match="cannot be reached"),
    ):
        client.tags("ghcr.io/acme/job")


def test_a_blob_larger_than_its_bound_is_not_read(registry: str, client: RegistryClient) -> None:
    digest = push_blob(registry, "acme/big", b"x" * 100_000)
    with pytest.raises(InvalidInput, match="larger than 1000 bytes"):
        client.blob("ghcr.io/acme/big", digest, limit=1_000)


CHARTS = SourceSpec(kind="oci", location="ghcr.io/acme/charts/job")
JOB = SourceSpec(kind="oci", location="ghcr.io/acme/job")


HOOKS = """
---
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, annotations: {helm.sh/hook: pre-upgrade}}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: m, image: "ghcr.io/acme/migrate:1"}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: probe, annotations: {helm.sh/hook: test}}
spec: {containers: [{name: p, image: "ghcr.io/acme/probe:1"}, {name: q, image: busybox}]}
"""


def reader_of(client: RegistryClient) -> Reader:
    return Reader(lambda *_: OciSource(client), client, helm=program("helm"))


def test_a_chart_and_all_its_images_are_read_by_digest(registry: str, client: RegistryClient) -> None:
    package = chart_package()
    digest = push_chart(registry, "1.2.0_b.1", package)
    job, busybox = push_image(registry, "acme/job", "1.2.0"), push_image(registry, "library/busybox", "latest")
    reader = reader_of(client)
    assert reader.detail(CHARTS, "", "1.2.0_b.1", platforms=False).digest == digest
    chart = reader.chart(CHARTS, "", "1.2.0_b.1", digest)
    assert chart == package
    images = reader.rendering(chart, declaration()).images
    assert images == ({"busybox", "ghcr.io/acme/job:1.2.0"}, set())
    assert [reader.image_digest(image) for image in sorted(images.running)] == [busybox, job]


def test_images_of_the_rehearsals_own_values_are_found_too() -> None:
    rehearsed = declaration(rehearsal=RehearsalRule(values={"image": "ghcr.io/acme/job:fake"}))
    images = reader_of(RegistryClient()).rendering(chart_package(), rehearsed).images
    assert images.running == {"busybox", "ghcr.io/acme/job:1.2.0", "ghcr.io/acme/job:fake"}


def test_images_of_hooks_are_found_and_those_of_tests_apart() -> None:
    hook = TEMPLATE + HOOKS
    images = reader_of(RegistryClient()).rendering(chart_package(hook), declaration()).images
    assert images == ({"busybox", "ghcr.io/acme/job:1.2.0", "ghcr.io/acme/migrate:1"}, {"ghcr.io/acme/probe:1"})


def test_a_chart_that_does_not_render_is_a_bad_release_and_quotes_helm() -> None:
    with pytest.raises(ChartInvalid, match="no broken things"):
        chart_rendering(chart_package(), {"broken": True}, helm=program("helm"))
    with pytest.raises(ChartInvalid, match="does not render"):
        chart_rendering(b"no chart at all", {}, helm=program("helm"))
    with pytest.raises(ChartInvalid):
        chart_rendering(chart_package("a: [b\n---\n: : :"), {}, helm=program("helm"))


def test_a_missing_helm_says_nothing_about_the_release() -> None:
    with pytest.raises(Transient, match="TIDEGATE_HELM"):
        chart_rendering(chart_package(), {}, helm="no-such-helm")


def test_an_image_that_does_not_exist_is_a_bad_release(registry: str, client: RegistryClient) -> None:
    with pytest.raises(ImageMissing, match=r"ghcr\.io/acme/job:9\.9\.9 does not exist"):
        reader_of(client).image_digest("ghcr.io/acme/job:9.9.9")


def test_an_image_is_no_chart(registry: str, client: RegistryClient) -> None:
    digest = push_image(registry, "acme/job", "1.0.0")
    with pytest.raises(ChartInvalid, match="no Helm chart"):
        OciSource(client).artifact(JOB, "", digest)
