"""What sources need of HTTP: where credentials go, redirects, and what a status means."""

import io

import httpx2
import pytest

from control_plane.domain.accounts import Kind
from control_plane.domain.errors import InvalidInput, NotFound, Transient
from control_plane.upstreams.credentials import Account, Scheme
from control_plane.upstreams.web_client import WebClient


class Server:
    """Answers from a table by URL, and remembers who was shown credentials."""

    def __init__(self) -> None:
        self.answers: dict[str, httpx2.Response] = {}
        self.authorized: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if "Authorization" in request.headers:
            self.authorized.append(str(request.url))
        return self.answers[str(request.url)]


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def web(server: Server) -> WebClient:
    http = httpx2.Client(transport=httpx2.MockTransport(server), follow_redirects=False)
    return WebClient(http)


ACCOUNT = Account("user", "s3cret")


def moved(to: str) -> httpx2.Response:
    return httpx2.Response(302, headers={"Location": to})


def test_credentials_do_not_follow_a_redirect_to_another_server(server: Server, web: WebClient) -> None:
    server.answers = {
        "https://a.example/x": moved("https://a.example/y"),
        "https://a.example/y": moved("https://b.example/z"),
        "https://b.example/z": httpx2.Response(200, content=b"here"),
    }
    assert web.ask("GET", "https://a.example/x", account=ACCOUNT).body == b"here"
    assert server.authorized == ["https://a.example/x", "https://a.example/y"]


def test_credentials_are_never_sent_over_plain_http_to_another_machine(server: Server, web: WebClient) -> None:
    server.answers = {"http://a.example/x": httpx2.Response(200), "http://localhost/x": httpx2.Response(200)}
    web.ask("GET", "http://a.example/x", account=ACCOUNT)
    web.ask("GET", "http://localhost/x", account=ACCOUNT)
    assert server.authorized == ["http://localhost/x"]


def test_a_password_that_would_be_heard_is_asked_for_in_vain(server: Server, web: WebClient) -> None:
    server.answers = {"http://a.example/x": httpx2.Response(401)}
    with pytest.raises(Transient, match="sent over https only"):
        web.ask("GET", "http://a.example/x", account=ACCOUNT)


@pytest.mark.parametrize(
    ("kind", "scheme", "header"),
    [
        ("password", "bearer", "Basic dXNlcjpzM2NyZXQ="),
        ("token", "bearer", "Bearer s3cret"),
        ("token", "basic", "Basic dXNlcjpzM2NyZXQ="),
    ],
)
def test_a_password_is_basic_and_a_token_what_the_server_wants(kind: Kind, scheme: Scheme, header: str) -> None:
    assert Account("user", "s3cret", kind).header(scheme) == header


@pytest.mark.parametrize("to", ["http://a.example/y", "ftp://a.example/y", "https://10.0.0.1/y", "https://localhost/y"])
def test_a_redirect_to_somewhere_less_safe_is_refused(server: Server, web: WebClient, to: str) -> None:
    server.answers = {"https://a.example/x": moved(to)}
    with pytest.raises(Transient, match="refused"):
        web.ask("GET", "https://a.example/x")


def test_a_circle_of_redirects_ends(server: Server, web: WebClient) -> None:
    server.answers = {"https://a.example/x": moved("https://a.example/x")}
    with pytest.raises(Transient, match="in a circle"):
        web.ask("GET", "https://a.example/x")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, NotFound),
        (410, NotFound),
        (401, Transient),
        (403, Transient),
        (418, Transient),
        (429, Transient),
        (502, Transient),
    ],
)
def test_only_a_404_or_410_is_the_servers_own_no(
    server: Server, web: WebClient, status: int, error: type[Exception]
) -> None:
    server.answers = {"https://a.example/x?token=hidden": httpx2.Response(status, content=b"words")}
    with pytest.raises(error) as caught:
        web.ask("GET", "https://a.example/x?token=hidden", account=ACCOUNT)
    assert "hidden" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": b"\xb2"}, 30.0),  # a digit to Python, not to HTTP
        ({"Retry-After": "Mon, 01 Jan 99999 00:00:00 GMT"}, 30.0),
        ({"Retry-After": "0"}, 30.0),
        ({"Retry-After": "999999"}, 3600.0),
        ({"RateLimit-Limit": "60", "RateLimit-Remaining": "0", "RateLimit-Reset": "600"}, 600.0),
        ({}, 30.0),
    ],
)
def test_how_long_a_busy_server_is_left_alone(
    server: Server, web: WebClient, headers: dict[str, str], seconds: float
) -> None:
    server.answers = {"https://a.example/x": httpx2.Response(503, headers=headers)}
    with pytest.raises(Transient, match="answers HTTP 503") as caught:
        web.ask("GET", "https://a.example/x")
    assert caught.value.retry_after == seconds


def test_a_body_that_is_too_large_is_not_kept(server: Server, web: WebClient) -> None:
    server.answers = {"https://a.example/x": httpx2.Response(200, content=bytes(1000))}
    with pytest.raises(InvalidInput, match="larger than 999 bytes"):
        web.ask("GET", "https://a.example/x", limit=999, into=io.BytesIO())


def test_an_error_page_is_not_written_to_the_file(server: Server, web: WebClient) -> None:
    server.answers = {"https://a.example/x": httpx2.Response(304)}
    file = io.BytesIO()
    assert web.ask("GET", "https://a.example/x", into=file).status == 304
    assert file.getvalue() == b""
