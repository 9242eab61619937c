"""Clusters on real kind: pulled through a mirror, paused, cut off, pooled, borrowed, and cleaned up after kill -9."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
import uuid
from typing import TYPE_CHECKING

import pytest

from test_harness.clusters import ClusterError, NotOurs
from test_harness.clusters.existing import ExistingProvider
from test_harness.clusters.kind import KindProvider
from test_harness.clusters.leftovers import leftover_names, remove_leftovers
from test_harness.clusters.network import gateway_address
from test_harness.clusters.pool import Pool
from test_harness.images import build, push
from test_harness.images.registry import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from test_harness.clusters.kind_cluster import OwnCluster
    from test_harness.images.registry import Registry
    from test_harness.offline.engine import Engine

pytestmark = pytest.mark.e2e

IMAGE = "ghcr.io/tidegate-tests/sleeper:1.0"
DOCKERFILE = 'ARG BASE\nFROM $BASE\nCMD ["sleep", "3600"]\n'


@pytest.fixture(scope="module")
def provider() -> KindProvider:
    return KindProvider()


@pytest.fixture(scope="module")
def engine(provider) -> Engine:
    return provider.ready.engine


@pytest.fixture(scope="module")
def cluster(provider) -> Iterator[OwnCluster]:
    made = provider.create(f"e2e-{uuid.uuid4().hex[:6]}")
    yield made
    made.delete()


@pytest.fixture(scope="module")
def registry(engine, tmp_path_factory) -> Iterator[Registry]:
    with running(engine, tmp_path_factory.mktemp("registry")) as started:
        yield started


@pytest.fixture(scope="module")
def image(engine, provider, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("image")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    build(engine, folder / "Dockerfile", folder, IMAGE, base=provider.ready.base_image)
    return IMAGE


def run_pod(cluster: OwnCluster, name: str, image: str) -> None:
    cluster.kubectl("run", name, f"--image={image}", "--image-pull-policy=IfNotPresent")
    cluster.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=90s")


def test_unmodified_image_name_is_pulled_through_the_mirror(cluster, registry, engine, image):
    digest = push(engine, image, registry.host)
    cluster.connect_mirror(registry.cluster_url)

    run_pod(cluster, "pulled", image)

    seen = cluster.kubectl("get", "pod", "pulled", "--output", "jsonpath={.status.containerStatuses[0].imageID}")
    assert seen.endswith(digest)


def test_pods_reach_this_machine_at_the_gateway_and_cannot_write_there(cluster, registry, engine):
    assert registry.cluster_host.startswith(f"{gateway_address(engine)}:")
    ask = "import urllib.request as u; r = u.Request('{0}', method='{1}'); print(u.urlopen(r).status)"

    read = ask.format(f"{registry.cluster_url}/v2/tidegate-tests/sleeper/manifests/1.0", "GET")
    assert cluster.kubectl("exec", "pulled", "--", "python3", "-c", read).strip() == "200"
    write = ask.format(f"{registry.cluster_url}/v2/tidegate-tests/sleeper/blobs/uploads/", "POST")
    with pytest.raises(ClusterError, match="405"):
        cluster.kubectl("exec", "pulled", "--", "python3", "-c", write)


def test_loaded_image_needs_no_registry(cluster, engine, provider):
    loaded = "tidegate.local/tests/loaded:1"
    sleeper = f'FROM {provider.ready.base_image}\nCMD ["sleep", "1234"]\n'
    engine.docker("build", "--tag", loaded, "-", text_in=sleeper)
    cluster.load_image(loaded)

    run_pod(cluster, "loaded", loaded)


def test_paused_cluster_is_silent_and_resumes_ready(cluster):
    cluster.pause()
    with pytest.raises(ClusterError):
        cluster.kubectl("get", "--raw", "/readyz", "--request-timeout=1s")

    cluster.resume()

    assert cluster.kubectl("get", "--raw", "/readyz") == "ok"


def test_cut_network_is_silent_both_ways_and_comes_back(cluster, registry):
    reach = f"import urllib.request as u; print(u.urlopen('{registry.cluster_url}/v2/', timeout=2).status)"
    inside = ["kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "exec", "pulled", "--", "python3", "-c", reach]
    cluster.cut_network()
    with pytest.raises(ClusterError):
        cluster.kubectl("get", "--raw", "/readyz", "--request-timeout=1s")
    assert cluster._engine.docker("inspect", "--format", "{{.State.Running}}", cluster.node).strip() == "true"

    cluster.restore_network()
    cluster.wait_until_ready(seconds=30)

    assert cluster._engine.docker("exec", cluster.node, *inside).strip() == "200"


def test_namespaces_of_others_are_refused_also_in_a_borrowed_cluster(cluster):
    cluster.kubectl("create", "namespace", "somebodys")
    borrowed = ExistingProvider(cluster.kubeconfig, f"kind-{cluster.name}").create("borrowed")

    for each in (cluster, borrowed):
        with pytest.raises(NotOurs, match=r"namespace somebodys .* was not made by Tidegate"):
            each.claim_namespace("somebodys")
    borrowed.claim_namespace("rehearsal")
    borrowed.claim_namespace("rehearsal")
    with pytest.raises(ClusterError, match="is not ours"):
        borrowed.pause()
    borrowed.delete()

    left = cluster.kubectl("get", "namespaces", "--output", "name").split()
    assert "namespace/somebodys" in left
    assert "namespace/rehearsal" not in left


def test_borrowing_needs_a_context_that_is_there(cluster):
    with pytest.raises(ClusterError, match="no usable context nowhere"):
        ExistingProvider(cluster.kubeconfig, "nowhere").create("borrowed")


def test_logs_are_kept_as_files(cluster, tmp_path):
    cluster.logs(tmp_path)

    names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert "kind.log" in names
    assert any(name.startswith("pulled_default_") for name in names)


def test_taken_name_is_refused(provider, cluster):
    with pytest.raises(ClusterError, match="exists already"):
        provider.create(cluster.name)


def test_cluster_from_the_pool_is_used_once(provider):
    pool = Pool(provider=provider, size=1, name=f"e2e-{uuid.uuid4().hex[:6]}")
    pool.fill()
    (waiting,) = pool.waiting()

    taken = pool.take()
    try:
        assert taken.name == waiting
        assert pool.waiting() == []
        assert taken.kubectl("get", "nodes", "--no-headers").split()[1] == "Ready"
    finally:
        taken.delete()
    pool.drain()


def test_killed_runs_leave_nothing_behind(provider, engine):
    name = f"tidegate-e2e-{uuid.uuid4().hex[:6]}"
    networks = engine.docker("network", "ls", "--format", "{{.Name}}")
    with creating_elsewhere(name) as child:
        wait_for_container(engine, name)
        child.send_signal(signal.SIGKILL)
    assert leftover_names(engine) == [name]
    volumes = volumes_of(engine, name)
    assert len(volumes) == 2

    assert remove_leftovers(provider.ready) == [name]

    deadline = time.monotonic() + 30  # the orphaned kind notices, and clears up too
    while containers_of(engine, name) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert containers_of(engine, name) == []
    assert volumes & set(engine.docker("volume", "ls", "--quiet").split()) == set()
    assert engine.docker("network", "ls", "--format", "{{.Name}}") == networks
    assert leftover_names(engine) == []


def test_living_owners_cluster_is_no_leftover(provider, engine, cluster):
    assert cluster.name not in remove_leftovers(provider.ready)
    assert cluster.exists()


@contextlib.contextmanager
def creating_elsewhere(name: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that is making the cluster."""
    script = f"from test_harness.clusters.kind import KindProvider; KindProvider().create({name!r})"
    with subprocess.Popen([sys.executable, "-c", script]) as child:
        yield child


def wait_for_container(engine: Engine, name: str) -> None:
    deadline = time.monotonic() + 60
    while not containers_of(engine, name):
        assert time.monotonic() < deadline, "no container appeared"
        time.sleep(0.1)


def containers_of(engine: Engine, name: str) -> list[str]:
    return engine.docker("ps", "--quiet", "--filter", f"label=io.x-k8s.kind.cluster={name}").split()


def volumes_of(engine: Engine, name: str) -> set[str]:
    """The node's own volume and the marker."""
    (container,) = containers_of(engine, name)
    template = '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}'
    mounted = engine.docker("inspect", "--format", template, container).split()
    marked = engine.docker("volume", "ls", "--quiet", "--filter", f"label=tidegate.dev/cluster={name}").split()
    return {*mounted, *marked}
