"""From a registry's webhook to the signed files in place, less the rehearsal: at most 2 s.

A real registry (Debian's docker-registry), a real chart rendered by Helm, the embedded control plane in this process, and a
rehearsal that takes no time. What is measured is everything that Tidegate itself does.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx2

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from cluster_agent.contract import sha256_hex  # noqa: E402  the tree is found first
from tests.support.databases import registry  # noqa: E402

LIMIT_SECONDS = 2.0
VERSIONS = ("1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0")
CHART, IMAGE = "ghcr.io/tidegate/charts/small", "docker.io/tidegate/small"
DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: small}
spec:
  selector: {matchLabels: {app: small}}
  template:
    metadata: {labels: {app: small}}
    spec: {containers: [{name: small, image: "docker.io/tidegate/small:{{ .Chart.Version }}"}]}
"""


def main() -> int:
    """Print a line per version; 1 when the median is over the limit."""
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as folder, registry(Path(folder)) as url:
        seconds = measure(Path(folder), url)
    for version, taken in zip(VERSIONS, seconds, strict=True):
        print(f"webhook → published, {version}: {taken:.2f} s")
    median = statistics.median(seconds)
    print(f"median {median:.2f} s, limit {LIMIT_SECONDS:.0f} s")
    return 0 if median <= LIMIT_SECONDS else 1


def measure(folder: Path, url: str) -> list[float]:
    """Return the seconds from each webhook to the signed files."""
    os.environ |= {"TIDEGATE_DATA_DIR": str(folder / "data"), "TIDEGATE_REGISTRY_MIRRORS": json.dumps({"*": url})}
    from control_plane.domain.applications import ChannelRule, ChartUpstream, Declaration, ImageUpstream
    from control_plane.services import applications, sources
    from control_plane.settings import get_settings
    from control_plane.store import lookups
    from control_plane.store.migrate import upgrade_database
    from control_plane.store.session import session_scope
    from control_plane.tasks.embedded import start_embedded
    from test_harness import runner

    runner.PROGRAM = (sys.executable, str(ROOT / "tests" / "support" / "fake_harness.py"))
    upgrade_database(get_settings().database)
    declaration = Declaration(
        name="small",
        chart=ChartUpstream(oci=CHART),
        namespace="small",
        images=(ImageUpstream(name=IMAGE),),
        poll_seconds=3600.0,
        channels=(ChannelRule(name="edge"),),
    )
    stop = threading.Event()
    join = start_embedded(stop)
    publish(folder, url, VERSIONS[0])
    with session_scope() as session:
        applications.application_declare(
            session, declaration=declaration, suite=None, actor="person:bench", now=datetime.now(UTC)
        )
    taken = []
    for generation, version in enumerate(VERSIONS, start=1):
        if generation > 1:
            publish(folder, url, version)
        begun = time.monotonic()
        with session_scope() as session:
            sources.source_nudge(session, places=[CHART], now=datetime.now(UTC))
        while True:
            with session_scope() as session:
                row = lookups.publication_of(session, lookups.channel_named(session, "edge").id, generation)
                if row is not None and row.files_at is not None:
                    break
            time.sleep(0.02)
            if time.monotonic() - begun > 60:
                raise SystemExit(f"{version} was not published within 60 s")
        taken.append(time.monotonic() - begun - rehearsal_seconds(version))
    stop.set()
    join()
    return taken


def rehearsal_seconds(version: str) -> float:
    """Return how long the rehearsal of a version took, from its start to its verdict."""
    from control_plane.services.releases import release_id_of
    from control_plane.store import lookups
    from control_plane.store.models import Release
    from control_plane.store.session import read_scope

    with read_scope() as session:
        release = lookups.get(session, Release, release_id_of(session, application="small", version=version))
        run = release.runs[-1]
        assert run.ended_at is not None
        return (run.ended_at - run.started_at).total_seconds()


def publish(folder: Path, url: str, version: str) -> None:
    """Push an image without content and a small chart."""
    blob(url, "tidegate/small", b"{}")
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(b"{}"), "size": 2}
    image = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": [],
    }
    image["annotations"] = {"version": version}
    httpx2.put(
        f"{url}/v2/tidegate/small/manifests/{version}",
        content=json.dumps(image).encode(),
        headers={"Content-Type": str(image["mediaType"])},
    ).raise_for_status()
    source = folder / "small"
    (source / "templates").mkdir(parents=True, exist_ok=True)
    (source / "Chart.yaml").write_text(f"apiVersion: v2\nname: small\nversion: {version}\n")
    (source / "templates" / "deployment.yaml").write_text(DEPLOYMENT)
    helm = os.environ.get("TIDEGATE_HELM", "helm")
    subprocess.run([helm, "package", str(source), "-d", str(folder)], check=True, capture_output=True)
    target = url.replace("http://", "oci://") + "/tidegate/charts"
    subprocess.run(
        [helm, "push", "--plain-http", str(folder / f"small-{version}.tgz"), target], check=True, capture_output=True
    )


def blob(url: str, repository: str, content: bytes) -> None:
    """Upload a blob."""
    begun = httpx2.post(f"{url}/v2/{repository}/blobs/uploads/")
    location = httpx2.URL(begun.headers["location"])
    httpx2.put(location.copy_merge_params({"digest": digest(content)}), content=content).raise_for_status()


def digest(content: bytes) -> str:
    """Return ``sha256:…``."""
    return f"sha256:{sha256_hex(content)}"


if __name__ == "__main__":
    sys.exit(main())
