"""Helm repositories over real HTTP: thousands of versions, conditional requests, verified packages, servers that misbehave."""

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from control_plane.domain.errors import NotFound, Transient, Untrusted
from control_plane.domain.sources import SourceSpec
from control_plane.upstreams.helm_http import HelmRepository, index_url, package_url
from control_plane.upstreams.web_client import WebClient
from tests.support.helm_repository import HelmServer, packed, sha256


@pytest.fixture
def charts(httpserver: HTTPServer) -> HelmServer:
    return HelmServer(httpserver)


@pytest.fixture
def source() -> HelmRepository:
    return HelmRepository(WebClient())


def spec_of(charts: HelmServer, name: str = "web") -> SourceSpec:
    return SourceSpec(kind="helm", location=charts.url, name=name)


def test_thousands_of_versions_are_listed_with_their_digests(charts: HelmServer, source: HelmRepository) -> None:
    versions = [f"1.{minor}.{patch}" for minor in range(60) for patch in range(50)]
    charts.publish("other", "9.0.0")
    charts.publish("web", *versions)
    listing = source.listing(spec_of(charts), {})
    assert listing is not None
    assert [tag.name for tag in listing.tags] == versions
    assert listing.tags[7].digest == f"sha256:{sha256(packed('web', '1.0.7'))}"
    assert listing.tags[7].created_at is not None


def test_an_unchanged_index_costs_one_conditional_request(charts: HelmServer, source: HelmRepository) -> None:
    charts.publish("web", "1.0.0")
    listing = source.listing(spec_of(charts), {})
    assert listing is not None
    assert source.listing(spec_of(charts), listing.memo) is None
    assert charts.asked == {("index.yaml", 200): 1, ("index.yaml", 304): 1}


def test_a_server_without_etags_is_asked_by_its_date(httpserver: HTTPServer, source: HelmRepository) -> None:
    charts = HelmServer(httpserver, validators=("Last-Modified",))
    charts.publish("web", "1.0.0")
    listing = source.listing(spec_of(charts), {})
    assert listing is not None
    assert source.listing(spec_of(charts), listing.memo) is None
    assert charts.asked == {("index.yaml", 200): 1, ("index.yaml", 304): 1}


def test_a_server_without_validators_is_believed_by_the_bytes(httpserver: HTTPServer, source: HelmRepository) -> None:
    charts = HelmServer(httpserver, validators=())
    charts.publish("web", "1.0.0")
    listing = source.listing(spec_of(charts), {})
    assert listing is not None
    assert source.listing(spec_of(charts), listing.memo) is None
    charts.publish("web", "1.1.0")
    again = source.listing(spec_of(charts), listing.memo)
    assert again is not None
    assert [tag.name for tag in again.tags] == ["1.0.0", "1.1.0"]


def test_a_deprecated_version_is_withheld(charts: HelmServer, source: HelmRepository) -> None:
    charts.publish("web", "1.0.0", "1.1.0", more="    deprecated: true\n")
    listing = source.listing(spec_of(charts), {})
    assert listing is not None
    assert [bool(tag.withheld) for tag in listing.tags] == [False, True]


def test_a_package_comes_verified(charts: HelmServer, source: HelmRepository) -> None:
    charts.publish("web", "1.0.0")
    tag = source.detail(spec_of(charts), "1.0.0", platforms=False)
    assert source.artifact(spec_of(charts), "1.0.0", tag.digest) == packed("web", "1.0.0")
    assert charts.asked["index.yaml", 200] == 1, "the index is fetched once for both"


def test_a_digest_that_the_index_does_not_say_is_that_of_the_package(
    charts: HelmServer, source: HelmRepository
) -> None:
    charts.publish("web", "1.0.0", digest="''")
    digest = source.detail(spec_of(charts), "1.0.0", platforms=False).digest
    assert digest == f"sha256:{sha256(packed('web', '1.0.0'))}"


def test_a_package_that_is_not_what_the_index_says_is_not_trusted(charts: HelmServer, source: HelmRepository) -> None:
    charts.publish("web", "1.0.0", digest="f" * 64)
    with pytest.raises(Untrusted, match="but the index says sha256:ffff"):
        source.artifact(spec_of(charts), "1.0.0", f"sha256:{'f' * 64}")


def test_a_package_that_changed_since_it_was_chosen_is_not_trusted(charts: HelmServer, source: HelmRepository) -> None:
    charts.publish("web", "1.0.0")
    with pytest.raises(Untrusted, match="not sha256:eeee"):
        source.artifact(spec_of(charts), "1.0.0", f"sha256:{'e' * 64}")


def test_absolute_addresses_and_redirects_are_followed(
    charts: HelmServer, source: HelmRepository, httpserver: HTTPServer
) -> None:
    charts.publish("web", "1.0.0", url=httpserver.url_for("/files/{0}-{1}.tgz"))
    moved = Response(status=302, headers={"Location": "/charts/web-1.0.0.tgz"})
    httpserver.expect_request("/files/web-1.0.0.tgz").respond_with_response(moved)
    digest = source.detail(spec_of(charts), "1.0.0", platforms=False).digest
    assert source.artifact(spec_of(charts), "1.0.0", digest) == packed("web", "1.0.0")


def test_a_chart_or_version_that_the_index_lacks_does_not_exist(charts: HelmServer, source: HelmRepository) -> None:
    charts.publish("web", "1.0.0")
    with pytest.raises(NotFound, match="has no chart 'db'"):
        source.listing(spec_of(charts, "db"), {})
    with pytest.raises(NotFound, match=r"has no web 2\.0\.0"):
        source.detail(spec_of(charts), "2.0.0", platforms=False)


@pytest.mark.parametrize(
    "response",
    [
        Response("<html>gone</html>", 404, content_type="text/html"),
        Response("<html>welcome</html>", 200, content_type="text/html"),
        Response("", 200),
        Response("busy", 503),
        Response("", 401),
        Response("wait", 429, headers={"Retry-After": "7"}),
    ],
    ids=["404", "a page", "empty", "503", "401", "429"],
)
def test_an_index_that_cannot_be_had_says_nothing(
    httpserver: HTTPServer, source: HelmRepository, response: Response
) -> None:
    httpserver.expect_request("/charts/index.yaml").respond_with_response(response)
    spec = SourceSpec(kind="helm", location=httpserver.url_for("/charts"), name="web")
    with pytest.raises(Transient) as caught:
        source.listing(spec, {})
    if response.status_code == 429:
        assert caught.value.retry_after == 7


def test_a_server_that_is_away_says_nothing(source: HelmRepository) -> None:
    with pytest.raises(Transient, match="cannot be reached"):
        source.listing(SourceSpec(kind="helm", location="http://127.0.0.1:1/charts", name="web"), {})


@pytest.mark.parametrize(
    ("repository", "url", "wanted"),
    [
        ("https://a.example/charts", "web-1.tgz", "https://a.example/charts/web-1.tgz"),
        ("https://a.example/charts/", "../web-1.tgz", "https://a.example/web-1.tgz"),
        ("https://a.example/charts?token=x", "web-1.tgz", "https://a.example/charts/web-1.tgz?token=x"),
        ("https://a.example/c/index.json", "web-1.tgz", "https://a.example/c/web-1.tgz"),
        ("https://a.example", "https://b.example/web-1.tgz", "https://b.example/web-1.tgz"),
        ("https://a.example", "oci://b.example/web:1", "oci://b.example/web:1"),
    ],
)
def test_where_packages_lie(repository: str, url: str, wanted: str) -> None:
    assert package_url(repository, url) == wanted


def test_where_the_index_lies() -> None:
    assert index_url("https://a.example/charts/?x=1") == "https://a.example/charts/index.yaml?x=1"
