"""Where a rehearsal takes place: a cluster of our own, or a person's, within namespaces that we made. Removed afterwards."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster_agent.applying.helm import HelmCli
from cluster_agent.applying.kube import Access, Kube, connect
from cluster_agent.applying.registry_login import HUB, Logins
from cluster_agent.applying.releases import history
from test_harness.clusters import Cluster
from test_harness.clusters.existing import ExistingProvider
from test_harness.clusters.kind import KindProvider
from test_harness.clusters.pool import Pool
from test_harness.errors import CouldNotTell
from test_harness.offline import binaries
from test_harness.runner import RunRequest

NOBODY = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Site:
    """A reachable cluster with the empty namespaces of both releases, and the programs to reach it."""

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
def site_for(request: RunRequest, logins: Logins) -> Iterator[Site]:
    """Yield the place for ``request``; afterwards remove what was made for it. Raises where none can be had: we cannot tell."""
    cluster = _cluster_for(request)
    try:
        _furnish(cluster, request, logins)
        places = _namespaces(request)
        for namespace in places:
            cluster.claim_namespace(namespace)
        kube = connect(Access(str(cluster.kubeconfig)))
        for namespace in places:
            _require_empty(kube, namespace, request.candidate.name)
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
    """Return a cluster of the warm pool (or a new one), or the existing one."""
    if request.provider == "kind":
        return Pool(provider=KindProvider()).take()
    if not request.kubeconfig:
        raise CouldNotTell("the provider 'existing' needs a kubeconfig")
    return ExistingProvider(Path(request.kubeconfig), request.context).create(f"run-{request.run_id}")


def _furnish(cluster: Cluster, request: RunRequest, logins: Logins) -> None:
    """Let the nodes pull what the request names: through its mirrors, and from the registries themselves with our accounts.

    A mirror is shown no account: containerd would hand one to whomever it asks, so what is mirrored has none.
    """
    if request.provider != "kind":
        return
    mirrors = request.registries.from_pods
    cluster.connect_mirror(mirrors.get("*"))
    for host, base_url in mirrors.items():
        if host != "*":
            cluster.connect_mirror(base_url, host)
    direct = {host_of(image) for image in _images(request) if not (mirrors.get(host_of(image)) or mirrors.get("*"))}
    own = direct - {HUB}
    if own and (authority := os.environ.get("SSL_CERT_FILE")):  # what this process believes its nodes do
        cluster.trust_registries(own, Path(authority).read_text())
    cluster.log_in({place: one for place, one in pull_logins(logins).items() if host_of(place) in direct})


def pull_logins(logins: Logins) -> dict[str, tuple[str, str]]:
    """Return user and password by repository. The kubelet knows no identity token: Azure takes one as the password of nobody."""
    return {place: (one.user or NOBODY if one.is_identity else one.user, one.password) for place, one in logins.all()}


def host_of(name: str) -> str:
    """Return the registry of an image or repository."""
    first, slash, _ = name.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else HUB


def _images(request: RunRequest) -> set[str]:
    return {*request.candidate.images, *(request.base.images if request.base else ())}


def _namespaces(request: RunRequest) -> list[str]:
    """Return where anything is installed. Sorted: two rehearsals that want the same ones never wait for each other both."""
    return sorted({one.namespace for one in (request.candidate, request.base) if one is not None})


def _require_empty(kube: Kube, namespace: str, name: str) -> None:
    if history(kube, namespace, name):
        raise CouldNotTell(
            f"namespace {namespace} has a release {name} from before: delete the namespace and try again"
        )
