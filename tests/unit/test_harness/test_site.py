"""How a rehearsal's cluster is furnished: mirrors by host, our accounts only for what is asked directly; and what is claimed in it."""

import json
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from cluster_agent.applying.registry_login import Logins
from cluster_agent.contract import ApplicationManifest, Artifact
from test_harness.clusters import NotOurs
from test_harness.errors import CouldNotTell, ReleaseFailed
from test_harness.evidence import Evidence
from test_harness.rehearsal import Rehearsal, site
from test_harness.rehearsal.site import NOBODY, _furnish, host_of
from test_harness.rehearsal.timeline import Timeline
from test_harness.runner import Login, Registries, RunRequest, docker_config

DIGEST = "sha256:" + "a" * 64
PRIVATE, MIRRORED, PUBLIC = "ghcr.io/acme/web", "quay.io/acme/db", "docker.io/library/redis"
APPLICATION = ApplicationManifest(
    name="web",
    release="1.0.0",
    release_digest=DIGEST,
    namespace="web",
    artifact=Artifact(ref="ghcr.io/charts/web", digest=DIGEST),
    images=dict.fromkeys([f"{PRIVATE}:1", f"{MIRRORED}:2", "redis:7"], DIGEST),
)
LOGINS = Logins(
    config=docker_config(
        {
            PRIVATE: Login("robot", "s3cret"),
            MIRRORED: Login("robot", "m1rrored"),
            "acme.azurecr.io/charts/web": Login("", "1dentity", is_identity=True),
        }
    )
)


class Cluster:
    """Remembers how it was furnished."""

    def __init__(self) -> None:
        self.mirrors: dict[str, str | None] = {}
        self.trusted: set[str] = set()
        self.accounts: dict[str, tuple[str, str]] = {}

    def connect_mirror(self, base_url, host="_default"):
        self.mirrors[host] = base_url

    def trust_registries(self, hosts, authority):
        self.trusted |= set(hosts)

    def log_in(self, accounts):
        self.accounts = dict(accounts)


def furnished(mirrors: dict[str, str], **changes) -> Cluster:
    cluster = Cluster()
    registries = Registries(from_pods=mirrors)
    request = RunRequest(run_id="1", candidate=APPLICATION, evidence="x", registries=registries, **changes)
    _furnish(cluster, request, LOGINS)  # type: ignore[arg-type]
    return cluster


def test_what_is_mirrored_is_shown_no_account_and_the_rest_its_own():
    cluster = furnished({"quay.io": "http://10.0.0.1:5000"})
    assert cluster.mirrors == {"_default": None, "quay.io": "http://10.0.0.1:5000"}
    assert cluster.accounts == {PRIVATE: ("robot", "s3cret")}


def test_where_everything_is_mirrored_nothing_has_an_account():
    assert furnished({"*": "http://10.0.0.1:5000"}).accounts == {}


def test_an_identity_token_is_the_password_of_nobody():
    image = "acme.azurecr.io/charts/web"
    request = RunRequest(
        run_id="1",
        candidate=ApplicationManifest(
            name="web", release="1", release_digest=DIGEST, namespace="web", artifact=APPLICATION.artifact,
            images={f"{image}:1": DIGEST},
        ),
        evidence="x",
    )  # fmt: skip
    cluster = Cluster()
    _furnish(cluster, request, LOGINS)  # type: ignore[arg-type]
    assert cluster.accounts == {image: (NOBODY, "1dentity")}


def test_what_the_harness_believes_its_nodes_believe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    assert furnished({}).trusted == set()
    (tmp_path / "ca.pem").write_text("PEM")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    assert furnished({}).trusted == {"ghcr.io", "quay.io"}
    assert furnished({"*": "http://10.0.0.1:5000"}).trusted == set()


def test_somebody_elses_nodes_are_left_alone():
    cluster = furnished({"*": "http://10.0.0.1:5000"}, provider="existing", kubeconfig="x")
    assert (cluster.mirrors, cluster.accounts) == ({}, {})


class Borrowed(Cluster):
    """Remembers which namespaces were claimed; refuses ``somebodys``."""

    name, kubeconfig = "run-1", Path("kubeconfig")

    def __init__(self) -> None:
        super().__init__()
        self.claimed: list[str] = []
        self.deleted = False

    def claim_namespace(self, namespace):
        if namespace == "somebodys":
            raise NotOurs(f"namespace {namespace} was not made by Tidegate")
        self.claimed.append(namespace)

    def delete(self):
        self.deleted = True


@pytest.fixture
def borrowed(monkeypatch: pytest.MonkeyPatch) -> Borrowed:
    """The cluster that a rehearsal gets; its namespaces have the releases of ``full``."""
    cluster = Borrowed()
    monkeypatch.setattr(site, "_cluster_for", lambda _: cluster)
    monkeypatch.setattr(site, "connect", lambda _: SimpleNamespace(version=lambda: "v1.36"))
    monkeypatch.setattr(site, "history", lambda _, namespace, __: ["a revision"] if namespace == "full" else [])
    monkeypatch.setattr(site.binaries, "ensure", Path)
    monkeypatch.setattr(site.binaries, "KUBECTL", "kubectl")
    monkeypatch.setattr(site.binaries, "HELM", "helm")
    return cluster


def upgrade_from(namespace: str) -> RunRequest:
    base = replace(APPLICATION, release="0.9.0", namespace=namespace)
    return RunRequest(run_id="1", candidate=APPLICATION, base=base, evidence="x", provider="existing", kubeconfig="x")


@pytest.mark.parametrize(("base", "claimed"), [("web", ["web"]), ("apps", ["apps", "web"]), ("zoo", ["web", "zoo"])])
def test_every_namespace_that_is_installed_in_is_claimed_in_one_order_for_all(borrowed: Borrowed, base, claimed):
    with site.site_for(upgrade_from(base), LOGINS):
        assert borrowed.claimed == claimed
    assert borrowed.deleted


@pytest.mark.parametrize(("base", "says"), [("somebodys", "not made by Tidegate"), ("full", "full has a release web")])
def test_a_base_in_a_namespace_that_is_not_ours_or_not_empty_is_not_installed(borrowed: Borrowed, base, says):
    with pytest.raises(CouldNotTell, match=says), site.site_for(upgrade_from(base), LOGINS):
        pytest.fail("the site was opened")
    assert borrowed.deleted


def test_no_upgrade_leads_to_another_namespace(tmp_path: Path):
    request = upgrade_from("apps")
    evidence = Evidence(tmp_path / "evidence")
    run = Rehearsal(request, Timeline(lambda _: None), evidence, tmp_path, ExitStack(), LOGINS)
    with pytest.raises(ReleaseFailed, match=r"is for namespace web, and 0\.9\.0 runs in apps: "):
        run._upgrade(run.base, run.candidate)


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("ghcr.io/a/b:1", "ghcr.io"),
        ("localhost/a", "localhost"),
        ("10.0.0.1:5000/a@sha256:1", "10.0.0.1:5000"),
        ("redis:7", "docker.io"),
        ("library/redis", "docker.io"),
        ("docker.io/library/redis", "docker.io"),
    ],
)
def test_an_images_registry(name: str, host: str):
    assert host_of(name) == host


def test_the_config_that_is_handed_over_is_one_line():
    assert b"\n" not in docker_config({"x": Login("a\nb", "c\nd")})
    assert json.loads(docker_config({})) == {"auths": {}}
