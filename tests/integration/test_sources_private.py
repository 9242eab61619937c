"""Places that are not public: every kind of source shows its account to its own server, as that server wants it, and to nobody else."""

import re
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from control_plane.domain.accounts import Kind
from control_plane.domain.errors import NotFound, Transient
from control_plane.domain.sources import SourceSpec
from control_plane.upstreams.chart_dependencies import DependencyReader
from control_plane.upstreams.credentials import NOBODY, Accounts
from control_plane.upstreams.folders import Packer
from control_plane.upstreams.git import GitSource
from control_plane.upstreams.helm_http import HelmRepository
from control_plane.upstreams.json_source import JsonSource
from control_plane.upstreams.oci import RegistryClient
from control_plane.upstreams.web_client import WebClient
from tests.support.accounts import accounts, entry
from tests.support.git_server import GitServer
from tests.support.helm_repository import HelmServer
from tests.support.small_registry import SmallRegistry, serving


class Door:
    """Stands before everything that a server answers: lets in who has the password, and remembers what it was shown."""

    def __init__(self, server: HTTPServer) -> None:
        self.host, self.password = f"{server.host}:{server.port}", "s3cret"
        self.shown: list[str] = []
        self._dispatch, server.dispatch = server.dispatch, self._answer  # type: ignore[method-assign]

    def _answer(self, request: Request) -> Response:
        authorization = request.headers.get("Authorization", "")
        if authorization:
            self.shown.append(_plain(authorization))
        if self.password and not _plain(authorization).endswith(self.password):
            return Response("no", 401)
        return self._dispatch(request)


def _plain(authorization: str) -> str:
    scheme, _, rest = authorization.partition(" ")
    return b64decode(rest).decode() if scheme == "Basic" else authorization


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1", port=0) as made:
        yield made


@pytest.fixture
def elsewhere() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1", port=0) as made:
        yield made


def shown_elsewhere(server: HTTPServer) -> list[str]:
    return [request.headers["Authorization"] for request, _ in server.log if "Authorization" in request.headers]


def helm(found: Accounts, application: str = "") -> HelmRepository:
    registry = RegistryClient(accounts=found.granted())
    return HelmRepository(WebClient(accounts=found, application=application), registry, application)


def git(found: Accounts) -> GitSource:
    web, registry = WebClient(accounts=found), RegistryClient(accounts=found.granted())
    return GitSource(web, Packer(DependencyReader(HelmRepository(web, registry), registry)))


def test_a_helm_repository_is_shown_its_account_for_index_and_package(server: HTTPServer) -> None:
    charts, door = HelmServer(server), Door(server)
    charts.publish("web", "1.0.0")
    spec = SourceSpec(kind="helm", location=charts.url, name="web")
    with pytest.raises(Transient, match="does not let us in"):
        helm(NOBODY).listing(spec, {})
    source = helm(accounts(entry(f"{door.host}/charts", "bot")))
    assert source.artifact(spec, "1.0.0", source.detail(spec, "1.0.0", platforms=False).digest)
    assert set(door.shown) == {"bot:s3cret"}


def test_a_package_elsewhere_is_fetched_without_any_account(server: HTTPServer, elsewhere: HTTPServer) -> None:
    charts, door = HelmServer(server), Door(server)
    private = HelmServer(elsewhere)
    private.publish("web", "1.0.0")
    charts.publish("web", "1.0.0", url=f"{private.url}/{{}}-{{}}.tgz")
    both = accounts(entry(door.host), entry(f"127.0.0.1:{elsewhere.port}"))
    spec = SourceSpec(kind="helm", location=charts.url, name="web")
    assert helm(both).artifact(spec, "1.0.0", helm(both).detail(spec, "1.0.0", platforms=False).digest)
    assert len(elsewhere.log) == 1
    assert shown_elsewhere(elsewhere) == []


def test_a_redirect_of_index_or_package_takes_no_account_along(server: HTTPServer, elsewhere: HTTPServer) -> None:
    charts, door = HelmServer(elsewhere), Door(server)
    charts.publish("web", "1.0.0")
    server.expect_request(re.compile("/.*")).respond_with_handler(
        lambda request: Response(status=302, headers={"Location": elsewhere.url_for(request.path)})
    )
    spec = SourceSpec(kind="helm", location=server.url_for("/charts"), name="web")
    source = helm(accounts(entry(door.host), entry(f"127.0.0.1:{elsewhere.port}")))
    assert source.artifact(spec, "1.0.0", source.detail(spec, "1.0.0", platforms=False).digest)
    assert shown_elsewhere(elsewhere) == []
    assert door.shown


def test_an_index_cannot_make_us_read_a_private_registry(server: HTTPServer) -> None:
    charts, door = HelmServer(server), Door(server)
    with serving(SmallRegistry(accounts={"": ("me", "s3cret")})) as registry:
        registry.push_image("acme/web", "1.0.0")
        host = registry.url.removeprefix("http://")
        charts.publish("web", "1.0.0", url=f"oci://{host}/acme/web:1.0.0")
        spec = SourceSpec(kind="helm", location=charts.url, name="web")
        source = helm(accounts(entry(door.host), entry(host)))
        with pytest.raises(
            Transient, match=r"only an account of the application's own is used \(`tidegate account add"
        ):
            source.artifact(spec, "1.0.0", source.detail(spec, "1.0.0", platforms=False).digest)
        assert set(registry.passwords_seen) == {""}


def test_what_an_index_names_elsewhere_is_read_with_the_applications_own_account(
    server: HTTPServer, elsewhere: HTTPServer
) -> None:
    charts, files, private = HelmServer(server), HelmServer(elsewhere), Door(elsewhere)
    files.publish("web", "1.0.0")
    charts.publish("web", "1.0.0", url=f"{files.url}/{{}}-{{}}.tgz")
    spec = SourceSpec(kind="helm", location=charts.url, name="web")
    found = accounts(entry(private.host, "everybody"), entry(private.host, "web", application="web"))
    with pytest.raises(Transient, match="only an account of the application's own"):
        helm(found).artifact(spec, "1.0.0", helm(found).detail(spec, "1.0.0", platforms=False).digest)
    source = helm(found, "web")
    assert source.artifact(spec, "1.0.0", source.detail(spec, "1.0.0", platforms=False).digest)
    assert set(private.shown) == {"web:s3cret"}


@pytest.mark.parametrize(("kind", "shown"), [("password", "me:s3cret"), ("token", "token:s3cret")])
def test_git_over_https_is_shown_its_account(server: HTTPServer, tmp_path: Path, kind: Kind, shown: str) -> None:
    door = Door(server)
    door.password = ""
    repository = GitServer(tmp_path, server)
    repository.commit("First", {"Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n"})
    repository.tag("v1")
    door.password = "s3cret"
    spec = SourceSpec(kind="git", location=repository.url)
    with pytest.raises(Transient, match="does not let us in"):
        git(NOBODY).listing(spec, {})
    user = "me" if kind == "password" else ""
    source = git(accounts(entry(f"{door.host}/git/app", user, "s3cret", kind)))
    assert source.artifact(spec, "v1", source.detail(spec, "v1", platforms=False).digest)
    assert set(door.shown) == {shown}


def test_git_takes_no_account_along_with_a_redirect(server: HTTPServer, elsewhere: HTTPServer, tmp_path: Path) -> None:
    repository, door = GitServer(tmp_path, elsewhere), Door(server)
    repository.commit("First", {"Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n"})
    repository.tag("v1")
    server.expect_request(re.compile("/.*")).respond_with_handler(
        lambda request: Response(status=301, headers={"Location": elsewhere.url_for(request.full_path)})
    )
    spec = SourceSpec(kind="git", location=server.url_for("/git/app.git"))
    found = accounts(entry(door.host), entry(f"127.0.0.1:{elsewhere.port}"))
    source = git(found)
    assert source.artifact(spec, "v1", source.detail(spec, "v1", platforms=False).digest)
    assert shown_elsewhere(elsewhere) == []
    assert door.shown


@pytest.mark.parametrize(("kind", "shown"), [("password", "me:s3cret"), ("token", "Bearer s3cret")])
def test_a_json_document_is_shown_its_account(server: HTTPServer, kind: Kind, shown: str) -> None:
    door = Door(server)
    server.expect_request("/releases.json").respond_with_json(["1.0.0"])
    spec = SourceSpec(kind="json", location=server.url_for("/releases.json"), path="@")
    user = "me" if kind == "password" else ""
    source = JsonSource(WebClient(accounts=accounts(entry(door.host, user, "s3cret", kind))))
    assert source.listing(spec, {}) is not None
    assert door.shown == [shown]


def test_two_applications_with_two_accounts_on_one_host(server: HTTPServer) -> None:
    charts, door = HelmServer(server), Door(server)
    charts.publish("web", "1.0.0")
    found = accounts(
        entry(door.host, "web", "s3cret", application="web"), entry(door.host, "wiki", "wrong", application="wiki")
    )
    spec = SourceSpec(kind="helm", location=charts.url, name="web")
    assert helm(found, "web").listing(spec, {}) is not None
    with pytest.raises(Transient, match="does not let us in"):
        helm(found, "wiki").listing(spec, {})
    with pytest.raises(Transient, match="does not let us in"):
        helm(found, "third").listing(spec, {})
    assert door.shown == ["web:s3cret", "wiki:wrong"]


def test_what_is_not_there_is_told_though_an_account_was_shown(server: HTTPServer) -> None:
    charts, door = HelmServer(server), Door(server)
    charts.publish("web", "1.0.0")
    spec = SourceSpec(kind="helm", location=charts.url, name="nothing")
    with pytest.raises(NotFound, match="has no chart 'nothing'"):
        helm(accounts(entry(door.host))).listing(spec, {})
