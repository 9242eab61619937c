"""What registries answer on bad days, and what we conclude: only "not there" is a finding, all else is "could not tell"."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from cluster_agent.contract import sha256_hex
from control_plane.domain.errors import NotFound, Transient, Untrusted
from control_plane.upstreams.charts import CHART_CONFIG, pull_chart
from control_plane.upstreams.errors import ChartInvalid
from control_plane.upstreams.oci import RegistryClient

NAME = "ghcr.io/acme/job"
TAGS = "/v2/acme/job/tags/list"
MANIFEST = "/v2/acme/job/manifests/1.0.0"


@pytest.fixture
def client(httpserver: HTTPServer) -> Iterator[RegistryClient]:
    with RegistryClient(mirrors={"*": httpserver.url_for("")}, timeout=0.5) as made:
        yield made


def answer(server: HTTPServer, path: str, *, status: int = 200, body: str = "", **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    server.expect_request(path).respond_with_data(
        body, status=status, headers={"Content-Type": "application/json", **named}
    )


def test_pages_are_followed_and_the_mirror_is_told_whose_name_it_is(
    httpserver: HTTPServer, client: RegistryClient
) -> None:
    pages = {"": (["a", "b"], 'rel="next"'), "b": (["c"], "")}
    asked = []

    def page(request: Request) -> Response:
        asked.append(dict(request.args))
        tags, link = pages[request.args.get("last", "")]
        headers = {"Link": f"<{TAGS}?n=2&last=b>; {link}"} if link else {}
        return Response(
            json.dumps({"name": "acme/job", "tags": tags}), headers=headers, content_type="application/json"
        )

    httpserver.expect_request(TAGS).respond_with_handler(page)
    assert client.tags(NAME) == ["a", "b", "c"]
    assert asked[0]["ns"] == "ghcr.io"


def test_an_unchanged_page_is_asked_for_conditionally(httpserver: HTTPServer, client: RegistryClient) -> None:
    seen = []

    def page(request: Request) -> Response:
        seen.append(request.headers.get("If-None-Match"))
        if seen[-1] == '"one"':
            return Response(status=304)
        return Response('{"tags": ["1.0.0"]}', headers={"ETag": '"one"'}, content_type="application/json")

    httpserver.expect_request(TAGS).respond_with_handler(page)
    names, memo = client.tags_since(NAME, {})
    assert names == ["1.0.0"]
    assert client.tags_since(NAME, memo) == (None, memo)
    assert seen == [None, '"one"']


@pytest.mark.parametrize(
    ("status", "body", "headers", "says"),
    [
        (500, "", {}, "HTTP 500"),
        (503, "", {}, "HTTP 503"),
        (401, "", {}, "password"),
        (403, '{"errors": [{"code": "DENIED"}]}', {}, "private, or misspelt"),
        (418, "", {}, "HTTP 418"),
        (200, "<html>Welcome to nginx</html>", {"Content_Type": "text/html"}, "answers HTML: is this a registry"),
        (
            404,
            "<html>not here</html>",
            {"Content_Type": "text/html; charset=utf-8"},
            "answers HTML: is this a registry",
        ),
        (404, "404 page not found\n", {"Content_Type": "text/plain"}, "no JSON: is this a registry"),
        (502, "<html>Bad Gateway</html>", {"Content_Type": "text/html"}, "HTTP 502"),
        (302, "", {"Location": "//\x7f"}, "cannot be reached"),
        (200, '{"tags": [', {}, "no JSON"),
        (200, '{"tags": "all"}', {}, "no list of tags"),
        (200, "[]", {}, "no list of tags"),
        (200, '{"tags": []}', {"Link": '<http://169.254.169.254/latest>; rel="next"'}, "on another server"),
    ],
)
def test_everything_but_not_there_is_could_not_tell(
    httpserver: HTTPServer, client: RegistryClient, status: int, body: str, headers: dict[str, str], says: str
) -> None:
    answer(httpserver, TAGS, status=status, body=body, **headers)
    with pytest.raises(Transient, match=says):
        client.tags(NAME)


def test_not_there_is_a_finding(httpserver: HTTPServer, client: RegistryClient) -> None:
    answer(httpserver, TAGS, status=404, body='{"errors": [{"code": "NAME_UNKNOWN", "message": "?"}]}')
    with pytest.raises(NotFound, match="NAME_UNKNOWN"):
        client.tags(NAME)


def test_a_proxy_whose_registry_is_away_says_nothing_about_an_image(
    httpserver: HTTPServer, client: RegistryClient
) -> None:
    answer(httpserver, MANIFEST, status=404, body="404 page not found\n", Content_Type="text/plain")
    with pytest.raises(Transient, match="is this a registry"):
        client.head(f"{NAME}:1.0.0")


@pytest.mark.parametrize("body", ["", '{"errors": [{"code": "MANIFEST_UNKNOWN"}]}', '{"errors": [{"status": 404}]}'])
def test_an_image_that_does_not_exist_is_a_finding(httpserver: HTTPServer, client: RegistryClient, body: str) -> None:
    answer(httpserver, MANIFEST, status=404, body=body)
    with pytest.raises(NotFound, match="does not exist"):
        client.head(f"{NAME}:1.0.0")


@pytest.mark.parametrize("wrong", [{"config": "x", "layers": []}, {"layers": ["x"]}, {"layers": {}}, {}])
def test_a_manifest_that_is_no_chart_is_said_to_be_none(
    httpserver: HTTPServer, client: RegistryClient, wrong: dict[str, object]
) -> None:
    body = json.dumps({"config": {"mediaType": CHART_CONFIG}} | wrong)
    digest = f"sha256:{sha256_hex(body.encode())}"
    answer(httpserver, f"/v2/acme/job/manifests/{digest}", body=body)
    with pytest.raises(ChartInvalid, match="Helm chart"):
        pull_chart(client, NAME, digest)


def test_a_repository_without_tags_has_none(httpserver: HTTPServer, client: RegistryClient) -> None:
    answer(httpserver, TAGS, body='{"name": "acme/job", "tags": null}')
    assert client.tags(NAME) == []


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("999999", 3600.0), ("soon", 30.0)])
def test_retry_after_is_honoured(httpserver: HTTPServer, client: RegistryClient, header: str, seconds: float) -> None:
    answer(httpserver, TAGS, status=429, body='{"errors": [{"code": "TOOMANYREQUESTS"}]}', Retry_After=header)
    with pytest.raises(Transient) as caught:
        client.tags(NAME)
    assert caught.value.retry_after == seconds


def test_a_slow_registry_is_given_up(httpserver: HTTPServer, client: RegistryClient) -> None:
    def slow(_: Request) -> Response:
        time.sleep(1.0)
        return Response("{}")

    httpserver.expect_request(TAGS).respond_with_handler(slow)
    started = time.monotonic()
    with pytest.raises(Transient, match="did not answer in time"):
        client.tags(NAME)
    assert time.monotonic() - started < 0.95


def test_a_digest_that_does_not_match_is_never_believed(httpserver: HTTPServer, client: RegistryClient) -> None:
    digest = f"sha256:{sha256_hex(b'good')}"
    answer(httpserver, f"/v2/acme/job/blobs/{digest}", body="evil")
    answer(httpserver, f"/v2/acme/job/manifests/{digest}", body="{}")
    with pytest.raises(Untrusted):
        client.blob(NAME, digest)
    with pytest.raises(Untrusted):
        client.manifest(f"{NAME}@{digest}")


def test_a_registry_that_names_no_digest_is_asked_for_the_manifest(
    httpserver: HTTPServer, client: RegistryClient
) -> None:
    answer(httpserver, MANIFEST, body="{}")
    assert client.head(f"{NAME}:1.0.0") == f"sha256:{sha256_hex(b'{}')}"
    httpserver.clear()
    answer(httpserver, MANIFEST)
    with pytest.raises(Transient, match="is this a registry"):
        client.head(f"{NAME}:1.0.0")


def test_a_token_is_fetched_once_and_kept(httpserver: HTTPServer, client: RegistryClient) -> None:
    realm = httpserver.url_for("/token")
    asked = []

    def token(request: Request) -> Response:
        asked.append((request.args["scope"], request.args["service"], request.headers.get("Authorization")))
        return Response('{"token": "t1"}', content_type="application/json")

    def tags(request: Request) -> Response:
        if request.headers.get("Authorization") == "Bearer t1":
            return Response('{"tags": ["1.0.0"]}', content_type="application/json")
        challenge = f'Bearer realm="{realm}",service="test",scope="repository:acme/job:pull"'
        return Response(status=401, headers={"WWW-Authenticate": challenge})

    httpserver.expect_request("/token").respond_with_handler(token)
    httpserver.expect_request(TAGS).respond_with_handler(tags)
    assert client.tags(NAME) == client.tags(NAME) == ["1.0.0"]
    assert asked == [("repository:acme/job:pull", "test", None)]


def test_a_token_service_at_an_internal_address_is_refused(httpserver: HTTPServer, client: RegistryClient) -> None:
    challenge = 'Bearer realm="http://169.254.169.254/token",service="test"'
    answer(httpserver, TAGS, status=401, WWW_Authenticate=challenge)
    with pytest.raises(Transient, match="sends us to"):
        client.tags(NAME)


def test_a_password_goes_to_its_own_server_alone(httpserver: HTTPServer, tmp_path: Path) -> None:
    host, digest = f"localhost:{httpserver.port}", f"sha256:{sha256_hex(b'layer')}"
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"auths": {host: {"auth": base64.b64encode(b"me:secret").decode()}}}))

    with HTTPServer(host="localhost", port=0) as store, RegistryClient(docker_config=config) as client:

        def blob(request: Request) -> Response:
            if request.authorization and request.authorization.password == "secret":
                return Response(status=307, headers={"Location": store.url_for("/layer")})
            return Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})

        httpserver.expect_request(f"/v2/acme/job/blobs/{digest}").respond_with_handler(blob)
        answer(store, "/layer", body="layer")
        assert client.blob(f"{host}/acme/job", digest) == b"layer"
        assert ["Authorization" in request.headers for request, _ in store.log] == [False]


def test_a_redirect_to_an_internal_address_is_refused(httpserver: HTTPServer, client: RegistryClient) -> None:
    answer(httpserver, TAGS, status=307, Location="http://169.254.169.254/latest/meta-data")
    with pytest.raises(Transient, match="internal address"):
        client.tags(NAME)


def test_a_redirect_on_the_same_host_is_followed(httpserver: HTTPServer, client: RegistryClient) -> None:
    digest = f"sha256:{sha256_hex(b'layer')}"
    answer(httpserver, f"/v2/acme/job/blobs/{digest}", status=307, Location=httpserver.url_for("/store/layer"))
    answer(httpserver, "/store/layer", body="layer")
    assert client.blob(NAME, digest) == b"layer"


def test_redirects_in_a_circle_end(httpserver: HTTPServer, client: RegistryClient) -> None:
    answer(httpserver, TAGS, status=302, Location=httpserver.url_for(TAGS))
    with pytest.raises(Transient, match="redirects more than"):
        client.tags(NAME)


def test_messages_hold_no_secret_of_a_url(httpserver: HTTPServer, client: RegistryClient) -> None:
    answer(httpserver, TAGS, status=302, Location="file:///etc/passwd?token=hunter2")
    with pytest.raises(Transient, match="refused") as caught:
        client.tags(NAME)
    assert "hunter2" not in caught.value.message
