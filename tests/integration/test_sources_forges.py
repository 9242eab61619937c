"""Forges over real HTTP: pages, flags, notes, unchanged pages, and answers that say nothing."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from control_plane.domain.errors import NotFound, Refused, Transient
from control_plane.domain.sources import MAX_NOTES, Kind, SourceSpec
from control_plane.upstreams.application_file import parse_application_file
from control_plane.upstreams.forges import Forge, ForgeSource, notes_body, place_of
from control_plane.upstreams.gitea import Gitea
from control_plane.upstreams.github import GitHub
from control_plane.upstreams.gitlab import GitLab
from control_plane.upstreams.web_client import WebClient
from control_plane.upstreams.webhooks import named_places
from tests.support import forge_server as shapes
from tests.support.accounts import accounts, entry
from tests.support.forge_server import ForgeServer


class Case(NamedTuple):
    """A forge, and how its answers look."""

    kind: Kind
    forge: Forge
    releases: str
    tags: str
    release: Callable[..., dict[str, Any]]
    tag: Callable[[str], dict[str, Any]]


CASES = {
    "github": Case(
        "github",
        GitHub(),
        "/api/v3/repos/octo/hello/releases",
        "/api/v3/repos/octo/hello/tags",
        shapes.github_release,
        shapes.github_tag,
    ),
    "gitlab": Case(
        "gitlab",
        GitLab(),
        "/api/v4/projects/octo%2Fhello/releases",
        "/api/v4/projects/octo%2Fhello/repository/tags",
        shapes.gitlab_release,
        shapes.gitlab_tag,
    ),
    "gitea": Case(
        "gitea",
        Gitea(),
        "/api/v1/repos/octo/hello/releases",
        "/api/v1/repos/octo/hello/tags",
        shapes.gitea_release,
        shapes.gitea_tag,
    ),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture
def server(httpserver: HTTPServer, case: Case) -> ForgeServer:
    server = ForgeServer(httpserver, etags=case.kind != "gitea")
    server.items[case.releases] = [case.release(f"v{number}") for number in (5, 4, 3, 2, 1)]
    server.items[case.tags] = [case.tag(f"v{number}") for number in (6, 5, 4, 3, 2, 1, 0)]
    return server


@pytest.fixture
def source(case: Case) -> ForgeSource:
    return ForgeSource(WebClient(), case.forge)


def spec_of(server: ForgeServer, case: Case) -> SourceSpec:
    return SourceSpec(kind=case.kind, location=f"{server.host}/octo/hello")


def test_every_page_is_read_and_tags_without_a_release_are_listed_too(
    case: Case, server: ForgeServer, source: ForgeSource
) -> None:
    listing = source.listing(spec_of(server, case), {})
    assert listing is not None
    assert {tag.name for tag in listing.tags} == {f"v{number}" for number in range(7)}
    assert set(listing.notes) == {f"v{number}" for number in range(1, 6)}


def test_a_releases_words_are_kept(case: Case, server: ForgeServer, source: ForgeSource) -> None:
    listing = source.listing(spec_of(server, case), {})
    assert listing is not None
    notes = listing.notes["v3"]
    assert notes.title.endswith("v3")
    assert notes.body
    assert notes.url.endswith("v3")
    assert notes.author in {"octocat", "root", "tea"}
    assert notes.published_at is not None
    assert notes.published_at < datetime(2024, 1, 1, tzinfo=UTC)


def test_an_unchanged_project_is_recognised(case: Case, server: ForgeServer, source: ForgeSource) -> None:
    listing = source.listing(spec_of(server, case), {})
    assert listing is not None
    server.asked.clear()
    assert source.listing(spec_of(server, case), listing.memo) is None
    if server.etags:
        assert {status for _, status in server.asked} == {304}
    assert len(server.asked) == len(listing.memo) == 7


def test_a_tag_of_an_old_line_on_the_last_page_is_seen(case: Case, server: ForgeServer, source: ForgeSource) -> None:
    listing = source.listing(spec_of(server, case), {})
    assert listing is not None
    server.items[case.tags].append(case.tag("v0.9"))
    again = source.listing(spec_of(server, case), listing.memo)
    assert again is not None
    assert "v0.9" in {tag.name for tag in again.tags}


def test_a_tag_that_moves_to_another_commit_has_another_digest(
    case: Case, server: ForgeServer, source: ForgeSource
) -> None:
    before = source.detail(spec_of(server, case), "v5", platforms=False).digest
    key = "id" if case.kind == "gitlab" else "sha"
    server.items[case.tags][1]["commit"][key] = "f" * 40
    after = source.detail(spec_of(server, case), "v5", platforms=False).digest
    assert before.startswith("sha256:")
    assert after.startswith("sha256:")
    assert before != after


def test_a_page_that_comes_newly_is_seen(case: Case, server: ForgeServer, source: ForgeSource) -> None:
    server.items[case.tags] = [case.tag("v2"), case.tag("v1")]
    listing = source.listing(spec_of(server, case), {})
    assert listing is not None
    server.items[case.tags].append(case.tag("v0"))
    assert source.listing(spec_of(server, case), listing.memo) is not None


@pytest.mark.parametrize("name", ["github", "gitea"])
def test_drafts_are_withheld_and_prereleases_are_flagged(httpserver: HTTPServer, name: str) -> None:
    case = CASES[name]
    server = ForgeServer(httpserver)
    server.items[case.releases] = [case.release("v2", draft=True), case.release("v1", prerelease=True)]
    server.items[case.tags] = []
    listing = ForgeSource(WebClient(), case.forge).listing(spec_of(server, case), {})
    assert listing is not None
    assert [(tag.withheld, tag.prerelease) for tag in listing.tags] == [("it is a draft", None), ("", True)]


def test_an_upcoming_release_is_withheld(httpserver: HTTPServer) -> None:
    case = CASES["gitlab"]
    server = ForgeServer(httpserver)
    server.items[case.releases] = [case.release("v2", upcoming_release=True)]
    server.items[case.tags] = []
    listing = ForgeSource(WebClient(), case.forge).listing(spec_of(server, case), {})
    assert listing is not None
    assert "not released yet" in listing.tags[0].withheld


def test_a_token_of_the_host_is_sent_to_it(case: Case, server: ForgeServer) -> None:
    server.token = "s3cret"
    source = ForgeSource(WebClient(accounts=accounts(entry(server.host, "", "s3cret", "token"))), case.forge)
    assert source.listing(spec_of(server, case), {}) is not None


def test_a_forge_that_does_not_let_us_in_says_nothing(case: Case, server: ForgeServer, source: ForgeSource) -> None:
    server.token = "s3cret"
    with pytest.raises(Transient, match="does not let us in") as caught:
        source.listing(spec_of(server, case), {})
    assert "s3cret" not in str(caught.value)


def test_a_project_that_the_forge_does_not_know(case: Case, server: ForgeServer, source: ForgeSource) -> None:
    with pytest.raises(NotFound, match="misspelt, or private"):
        source.listing(SourceSpec(kind=case.kind, location=f"{server.host}/octo/nothing"), {})


def test_an_hour_whose_requests_are_used_up_is_waited_for(httpserver: HTTPServer) -> None:
    limited = Response("{}", 403, headers={"X-RateLimit-Remaining": "0", "Retry-After": "1800"})
    httpserver.expect_request("/api/v3/repos/octo/hello/releases").respond_with_response(limited)
    spec = SourceSpec(kind="github", location=f"{httpserver.host}:{httpserver.port}/octo/hello")
    with pytest.raises(Transient) as caught:
        ForgeSource(WebClient(), GitHub()).listing(spec, {})
    assert caught.value.retry_after == 1800


@pytest.mark.parametrize("body", ["<html>", '{"message": "hm"}', "null", ""])
def test_an_answer_of_another_shape_says_nothing(httpserver: HTTPServer, body: str) -> None:
    httpserver.expect_request("/api/v3/repos/octo/hello/releases").respond_with_data(body)
    spec = SourceSpec(kind="github", location=f"{httpserver.host}:{httpserver.port}/octo/hello")
    with pytest.raises(Transient):
        ForgeSource(WebClient(), GitHub()).listing(spec, {})


def test_a_page_on_another_server_is_not_followed(httpserver: HTTPServer) -> None:
    headers = {"Link": '<https://elsewhere.example/x>; rel="next"'}
    httpserver.expect_request("/api/v3/repos/octo/hello/releases").respond_with_json([], headers=headers)
    spec = SourceSpec(kind="github", location=f"{httpserver.host}:{httpserver.port}/octo/hello")
    with pytest.raises(Transient, match="another server"):
        ForgeSource(WebClient(), GitHub()).listing(spec, {})


def test_a_project_of_too_many_pages_is_told_rather_than_cut(case: Case, server: ForgeServer) -> None:
    with pytest.raises(Transient, match="more than 2 pages"):
        ForgeSource(WebClient(), case.forge, max_pages=2).listing(spec_of(server, case), {})


def test_one_tag(case: Case, server: ForgeServer, source: ForgeSource) -> None:
    assert source.detail(spec_of(server, case), "v3", platforms=True).name == "v3"
    with pytest.raises(NotFound, match="no release or tag v99"):
        source.detail(spec_of(server, case), "v99", platforms=True)


def test_a_forge_has_no_chart(case: Case, source: ForgeSource) -> None:
    with pytest.raises(Refused, match="declare where its chart is"):
        source.artifact(SourceSpec(kind=case.kind, location="octo/hello"), "v1", "")


@pytest.mark.parametrize(
    ("forge", "location", "path", "wanted"),
    [
        (GitHub(), "octo/hello", "", ("https://github.com", "octo/hello")),
        (GitHub(), "my.octo/hello", "", ("https://github.com", "my.octo/hello")),
        (GitHub(), "git.example.com/octo/hello", "", ("https://git.example.com", "octo/hello")),
        (GitHub(), "http://git.example.com:3000/group/app", "", ("http://git.example.com:3000", "group/app")),
        (GitLab(), "https://git.example.com/group/sub/app", "", ("https://git.example.com", "group/sub/app")),
        (GitLab(), "group/sub/app", "", ("https://gitlab.com", "group/sub/app")),
        (
            GitLab(),
            "https://example.com/gitlab/group/sub/app",
            "gitlab",
            ("https://example.com/gitlab", "group/sub/app"),
        ),
        (GitLab(), "https://example.com/a/b/group/app", "a/b", ("https://example.com/a/b", "group/app")),
        (Gitea(), "https://example.com/gitea/acme/web", "gitea", ("https://example.com/gitea", "acme/web")),
        (Gitea(), "https://example.com/gitea/acme/web", "", ("https://example.com/gitea", "acme/web")),
        (GitHub(), "https://example.com/github/acme/web", "", ("https://example.com/github", "acme/web")),
    ],
)
def test_where_a_project_is(forge: Forge, location: str, path: str, wanted: tuple[str, str]) -> None:
    assert place_of(SourceSpec(kind="github", location=location, path=path), forge) == wanted


@pytest.mark.parametrize(
    ("server", "wanted"),
    [
        ("https://github.com", "https://api.github.com/"),
        ("https://acme.ghe.com", "https://api.acme.ghe.com/"),
        ("https://github.example.org", "https://github.example.org/api/v3/"),
        ("https://example.org/github", "https://example.org/github/api/v3/"),
    ],
)
def test_where_githubs_api_is(server: str, wanted: str) -> None:
    assert GitHub().tags_url(server, "acme/web").startswith(f"{wanted}repos/acme/web/tags")


def test_a_forge_that_lives_below_a_path_is_read_and_nudged(case: Case, httpserver: HTTPServer) -> None:
    """From the application file to the API's pages; a webhook of that server names the very place."""
    server = ForgeServer(httpserver, etags=case.kind != "gitea")
    server.items[f"/scm{case.releases}"] = [case.release("v2")]
    server.items[f"/scm{case.tags}"] = [case.tag("v2"), case.tag("v1")]
    spec = declared(f"{{name: code, {case.kind}: octo/hello, server: 'http://{server.host}/scm'}}")
    assert spec == declared(
        f"{{name: code, {case.kind}: 'http://{server.host}/scm/octo/hello/', server: 'http://{server.host}/scm/'}}"
    )
    listing = ForgeSource(WebClient(), case.forge).listing(spec, {})
    assert listing is not None
    assert {tag.name for tag in listing.tags} == {"v1", "v2"}
    told = {
        "full_name": "octo/hello",
        "html_url": spec.location,
        "path_with_namespace": "octo/hello",
        "web_url": spec.location,
    }
    event = {"github": "X-GitHub-Event", "gitlab": "X-Gitlab-Event", "gitea": "X-Gitea-Event"}[case.kind]
    value = "Push Hook" if case.kind == "gitlab" else "push"
    assert spec.location in named_places(
        case.kind, {event: value}, json.dumps({"repository": told, "project": told}).encode()
    )


def declared(upstream: str) -> SourceSpec:
    text = f"""apiVersion: tidegate.dev/v1
kind: Application
metadata: {{name: web}}
spec:
  chart: {{oci: ghcr.io/acme/web}}
  upstreams: [{upstream}]
  channels: [{{name: edge}}]
"""
    return parse_application_file(text).others[0].source


def test_words_are_cut_between_characters() -> None:
    cut = notes_body("ä" * MAX_NOTES)
    assert len(cut.encode()) <= MAX_NOTES
    assert cut.endswith("ä…")
    assert notes_body("short") == "short"
