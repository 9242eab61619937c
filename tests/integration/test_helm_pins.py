"""Our post-renderer inside the real Helm: hooks and tests get their digests, and what it complains about reaches a person."""

import json
import os
import shutil
from pathlib import Path

import pytest

from cluster_agent.applying.helm import PINS_PLUGIN, HelmCli
from cluster_agent.applying.kube import Access
from cluster_agent.applying.pin_images import COMPLAINT, PINS
from cluster_agent.contract import yamls
from cluster_agent.contract.rendered import find_images
from cluster_agent.errors import ChangeFailed

CHART = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: odd}
data: {yes: "on", mode: 0755, time: 1:30, text: "#"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: web, image: "ghcr.io/acme/web:1"}]}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, annotations: {helm.sh/hook: "pre-upgrade,post-install"}}
spec: {template: {spec: {containers: [{name: migrate, image: ghcr.io/acme/migrate:1}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: probe, annotations: {helm.sh/hook: test}}
spec: {containers: [{name: probe, image: ghcr.io/acme/probe:1}]}
"""
IMAGES = {f"ghcr.io/acme/{name}:1": f"sha256:{index:064d}" for index, name in enumerate(("web", "migrate", "probe"))}


class Rendering(HelmCli):
    """The driver with one verb more: what would be applied, without a cluster."""

    def rendered(self, chart: Path, pins: Path) -> str:
        command = ["template", "x", str(chart), "--post-renderer", PINS_PLUGIN, f"--post-renderer-args={pins}"]
        return self._run(command, timeout=60.0)


@pytest.fixture
def helm(tmp_path: Path) -> Rendering:
    program = shutil.which(os.environ.get("TIDEGATE_HELM", "helm"))
    if program is None and os.environ.get("CI"):
        pytest.fail("helm is missing: `make test` installs it")
    if program is None:
        pytest.skip("helm is missing: `make test` installs it")
    return Rendering(Access(), tmp_path / "a home", binary=program)


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    folder = tmp_path / "chart"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: chart\nversion: 1.0.0\n")
    (folder / "templates" / "all.yaml").write_text(CHART)
    return folder


def pins(folder: Path, images: dict[str, str]) -> Path:
    made = folder / "pins"
    made.mkdir()
    (made / PINS).write_text(json.dumps(images))
    return made


def test_hooks_and_tests_are_pinned_and_nothing_else_changes(helm: Rendering, chart: Path, tmp_path: Path) -> None:
    rendered = helm.rendered(chart, pins(tmp_path, IMAGES))
    images = find_images(rendered)
    assert images.running | images.testing == {f"{image}@{digest}" for image, digest in IMAGES.items()}
    assert images.testing == {f"ghcr.io/acme/probe:1@{IMAGES['ghcr.io/acme/probe:1']}"}
    first = next(yamls.documents(CHART))
    assert next(one for one in yamls.documents(rendered) if one["kind"] == "ConfigMap") == first


def test_a_test_without_a_digest_is_left_out(helm: Rendering, chart: Path, tmp_path: Path) -> None:
    known = {image: digest for image, digest in IMAGES.items() if "probe" not in image}
    rendered = helm.rendered(chart, pins(tmp_path, known))
    assert "probe" not in rendered
    assert rendered.count("kind:") == 3


def test_a_hook_without_a_digest_is_refused_by_name(helm: Rendering, chart: Path, tmp_path: Path) -> None:
    known = {image: digest for image, digest in IMAGES.items() if "migrate" not in image}
    folder = pins(tmp_path, known)
    with pytest.raises(ChangeFailed):
        helm.rendered(chart, folder)
    assert "'ghcr.io/acme/migrate:1' is not pinned by the manifest" in (folder / COMPLAINT).read_text()
