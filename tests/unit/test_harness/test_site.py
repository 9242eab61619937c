"""How a rehearsal's own cluster is furnished: mirrors by host, our accounts only for what is asked directly, our authorities."""

import json
from pathlib import Path

import pytest

from cluster_agent.applying.registry_login import Logins
from cluster_agent.contract import ApplicationManifest, Artifact
from test_harness.rehearsal.site import NOBODY, _furnish, host_of
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
