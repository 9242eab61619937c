"""A push to Debian's docker-registry, its own notification to the real web server, and the source that is due then."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import select

from cluster_agent.contract import sha256_hex
from control_plane.domain.applications import ChartUpstream
from control_plane.store.migrate import upgrade_database
from control_plane.store.models import Source
from control_plane.store.session import make_engine
from tests.support import databases
from tests.support.hooks import web_server
from tests.support.world import World, declare

pytestmark = pytest.mark.services
SECRET = "b6f1d1c5a0f94b51"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
NAME = "charts/miniflux"


@contextmanager
def registry(folder: Path, port: int, hook: str) -> Iterator[str]:
    """Run docker-registry, which notifies ``hook``; yield its URL."""
    endpoint = {"name": "tidegate", "url": hook, "headers": {"Authorization": [f"Bearer {SECRET}"]}}
    config = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "blobs")}},
        "http": {"addr": f"127.0.0.1:{port}"},
        "notifications": {"endpoints": [{**endpoint, "timeout": "5s", "threshold": 3, "backoff": "1s"}]},
    }
    (folder / "registry.yml").write_text(json.dumps(config))
    with (folder / "registry.log").open("wb") as log:
        program = [databases.find_program("docker-registry"), "serve", str(folder / "registry.yml")]
        process = subprocess.Popen(program, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: answers(url))
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


def answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/v2/").status_code == 200
    except httpx2.HTTPError:
        return False


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def push(url: str, tag: str) -> None:
    """Push an artifact of one blob."""
    blob = b"{}"
    digest = f"sha256:{sha256_hex(blob)}"
    upload = httpx2.post(f"{url}/v2/{NAME}/blobs/uploads/").headers["Location"]
    glue = "&" if "?" in upload else "?"
    assert httpx2.put(f"{upload}{glue}digest={digest}", content=blob).status_code == 201
    described = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(blob)}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": [described]}
    told = httpx2.put(
        f"{url}/v2/{NAME}/manifests/{tag}", content=json.dumps(manifest), headers={"Content-Type": MANIFEST}
    )
    assert told.status_code == 201


def test_a_push_makes_its_source_due_and_a_pull_does_not(tmp_path: Path) -> None:
    upgrade_database(f"sqlite:///{tmp_path / 'tidegate.sqlite3'}")
    engine = make_engine(f"sqlite:///{tmp_path / 'tidegate.sqlite3'}")
    port = databases.free_port()
    world = World(engine, tmp_path)
    world.start(declare(chart=ChartUpstream(oci=f"127.0.0.1:{port}/{NAME}", version=">=2.0.0"), images=()))
    later = datetime.now(UTC) + timedelta(hours=1)

    def due() -> bool:
        with world.scope() as session:
            return session.scalars(select(Source.next_look_at)).one() < later

    def wait_an_hour() -> None:
        with world.scope() as session:
            session.scalars(select(Source)).one().next_look_at = later

    wait_an_hour()
    (tmp_path / "secret").write_text(SECRET)
    told = {"TIDEGATE_DATA_DIR": str(tmp_path), "TIDEGATE_WEBHOOK_SECRET_FILE": str(tmp_path / "secret")}
    with (
        web_server(told, tmp_path / "web.log") as base,
        registry(tmp_path, port, f"{base}/api/webhooks/distribution") as url,
    ):
        push(url, "2.2.16")
        until(due)

        def is_quiet() -> bool:
            wait_an_hour()
            time.sleep(1)
            return not due()

        until(is_quiet)  # a push is several events: its blob, then its manifest
        assert httpx2.get(f"{url}/v2/{NAME}/manifests/2.2.16", headers={"Accept": MANIFEST}).status_code == 200
        time.sleep(1)
        assert not due(), "the registry tells pulls too; our own looks are pulls"
    engine.dispose()
    assert SECRET not in (tmp_path / "web.log").read_text()
