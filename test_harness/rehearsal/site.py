"""Where a rehearsal takes place: a cluster of our own, or a person's, with a namespace that we made. Removed afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster_agent.applying.helm import HelmCli
from cluster_agent.applying.kube import Access, Kube, connect
from cluster_agent.applying.releases import history
from test_harness.clusters import Cluster
from test_harness.clusters.existing import ExistingProvider
from test_harness.clusters.kind import KindProvider
from test_harness.clusters.pool import Pool
from test_harness.errors import CouldNotTell
from test_harness.offline import binaries
from test_harness.runner import RunRequest


@dataclass(frozen=True)
class Site:
    """A reachable cluster with the application's empty namespace, and the programs to reach it."""

    name: str
    kubeconfig: Path
    kubernetes: str
    kube: Kube
    kubectl: Path
    helm: Path

    def driver(self, home: Path) -> HelmCli:
        """Return the agent's Helm driver for this cluster."""
        return HelmCli(Access(str(self.kubeconfig)), home, binary=str(self.helm))


@contextmanager
def site_for(request: RunRequest) -> Iterator[Site]:
    """Yield the place for ``request``; afterwards remove what was made for it. Raises where none can be had: we cannot tell."""
    cluster = _cluster_for(request)
    try:
        cluster.claim_namespace(request.candidate.namespace)
        kube = connect(Access(str(cluster.kubeconfig)))
        _require_empty(kube, request)
        yield Site(
            name=cluster.name,
            kubeconfig=cluster.kubeconfig,
            kubernetes=kube.version(),
            kube=kube,
            kubectl=binaries.ensure(binaries.KUBECTL),
            helm=binaries.ensure(binaries.HELM),
        )
    finally:
        cluster.delete()


def _cluster_for(request: RunRequest) -> Cluster:
    """Return a cluster of the warm pool (or a new one) whose nodes pull through the request's mirror, or the existing one."""
    if request.provider == "kind":
        own = Pool(provider=KindProvider()).take()
        own.connect_mirror(request.registries.from_pods.get("*"))
        return own
    if not request.kubeconfig:
        raise CouldNotTell("the provider 'existing' needs a kubeconfig")
    return ExistingProvider(Path(request.kubeconfig), request.context).create(f"run-{request.run_id}")


def _require_empty(kube: Kube, request: RunRequest) -> None:
    name, namespace = request.candidate.name, request.candidate.namespace
    if history(kube, namespace, name):
        raise CouldNotTell(
            f"namespace {namespace} has a release {name} from before: delete the namespace and try again"
        )
