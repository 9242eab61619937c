"""The way from this folder to a registry, the same for every example: images by Docker, charts by Helm.

A published version is never published again, as with any good upstream: what the registry has stays as it is.
Names are public ones (`docker.io/miniflux/miniflux`); the registry keeps them without their host, as a mirror does.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2 as httpx

from test_harness import images
from test_harness.offline import base_images, binaries, engine, facts
from test_harness.offline.commands import run
from test_harness.offline.progress import note, step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from test_harness.offline.engine import Engine
    from test_harness.offline.provisioning import Mode

MANIFESTS = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"


@dataclass(frozen=True)
class Publisher:
    """Builds with `engine` and pushes to `registry`, the `host:port` of one on loopback that speaks plain HTTP."""

    registry: str
    engine: Engine
    mode: Mode

    def has(self, name: str, tag: str) -> bool:
        """Whether the registry has that tag already."""
        address = f"http://{self.registry}/v2/{repository(name)}/manifests/{tag}"
        answer = httpx.head(address, headers={"Accept": MANIFESTS}, timeout=10)
        if answer.status_code not in {200, 404}:
            raise SystemExit(f"{address} answered {answer.status_code}: is --registry {self.registry} an OCI registry?")
        return answer.status_code == 200

    def build_image(self, name: str, tag: str, folder: Path, **files: Path) -> None:
        """Build the Dockerfile in `folder`, with `files` beside it by those names, and push the image."""
        base = base_images.ensure_base(self.engine, self.mode)
        with step(f"image {name}:{tag}") as this, tempfile.TemporaryDirectory() as work:
            context = Path(work)
            shutil.copytree(folder, context, dirs_exist_ok=True)
            for file, source in files.items():
                shutil.copy(source, context / file)
            full = f"{name}:{tag}"
            images.build(self.engine, context / "Dockerfile", context, full, base=base, arguments={"VERSION": tag})
            this.result = f"pushed as {images.push(self.engine, full, self.registry)}"

    def copy_image(self, name: str, tag: str) -> None:
        """Pull the published image and push it here under the same name."""
        with step(f"image {name}:{tag}") as this:
            this.result = f"pushed as {images.copy_public(self.engine, f'{name}:{tag}', self.registry)}"

    def publish_chart(self, name: str, folder: Path, version: str, edits: Mapping[str, str] | None = None) -> None:
        """Pack the chart as `version`, for the application's version of the same number, and push it as `name`.

        `edits` are replacements in its values.yaml: text that must be there → what the published chart says instead.
        """
        if self.has(name, version):
            note(f"chart {name}:{version} is published already")
            return
        helm = binaries.ensure(binaries.HELM)
        with step(f"chart {name}:{version}"), tempfile.TemporaryDirectory() as work:
            chart = Path(work) / name.rpartition("/")[2]
            shutil.copytree(folder, chart)
            edit(chart / "values.yaml", edits or {})
            run([helm, "package", chart, "--destination", work, "--version", version, "--app-version", version])
            parent = f"oci://{self.registry}/{repository(name).rpartition('/')[0]}"
            run([helm, "push", f"{chart}-{version}.tgz", parent, "--plain-http"])


def publisher(registry: str) -> Publisher:
    """A publisher with this machine's Docker Engine, started where there is none."""
    decision = facts.decide()
    return Publisher(registry, engine.ensure(runtime_wrapper=decision.runtime_wrapper), decision.mode)


def repository(name: str) -> str:
    """The path of a public name in a mirror: docker.io/miniflux/miniflux → miniflux/miniflux."""
    return name.split("/", 1)[1]


def edit(file: Path, edits: Mapping[str, str]) -> None:
    """Replace each text of `edits` in `file`; refuses when one is not there exactly once."""
    text = file.read_text()
    for old, new in edits.items():
        if text.count(old) != 1:
            raise SystemExit(f"{file}: expected once, found {text.count(old)} times: {old!r}")
        text = text.replace(old, new)
    file.write_text(text)


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options that every publish.py has."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("version", help="such as 2.2.16; the chart gets the same")
    made.add_argument("--registry", required=True, metavar="HOST:PORT", help="a registry on loopback, plain HTTP")
    return made
