"""JSON documents over real HTTP, and paths that find versions, nothing or something else."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from control_plane.domain.errors import InvalidInput, NotFound, Transient
from control_plane.domain.sources import SourceSpec
from control_plane.domain.versions.policy import Tag
from control_plane.upstreams.json_source import JsonSource, check_path, found_tags
from control_plane.upstreams.web_client import WebClient

DOCUMENT = {
    "latest": "1.2.0",
    "releases": [
        {"version": "1.2.0", "digest": f"sha256:{'a' * 64}", "created": "2024-05-06T07:08:09Z", "prerelease": False},
        {"version": "1.3.0-rc.1", "prerelease": True},
    ],
}


@pytest.fixture
def source() -> JsonSource:
    return JsonSource(WebClient())


def spec_of(httpserver: HTTPServer, path: str = "releases") -> SourceSpec:
    return SourceSpec(kind="json", location=httpserver.url_for("/versions.json"), path=path)


def test_objects_with_what_is_known_of_them(httpserver: HTTPServer, source: JsonSource) -> None:
    httpserver.expect_request("/versions.json").respond_with_json(DOCUMENT)
    listing = source.listing(spec_of(httpserver), {})
    assert listing is not None
    digest, created = f"sha256:{'a' * 64}", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert listing.tags == (
        Tag(name="1.2.0", digest=digest, created_at=created, prerelease=False),
        Tag(name="1.3.0-rc.1", prerelease=True),
    )


@pytest.mark.parametrize("path", ["releases[].version", "[latest]", "releases[?!prerelease]"])
def test_paths_choose_what_is_a_version(path: str) -> None:
    assert "1.2.0" in [tag.name for tag in found_tags(DOCUMENT, path, where="https://a.example")]


def test_an_unchanged_document_is_recognised_with_and_without_etag(httpserver: HTTPServer, source: JsonSource) -> None:
    def answer(request: Request) -> Response:
        if request.headers.get("If-None-Match") == '"1"':
            return Response(status=304)
        return Response('["1.0.0"]', headers={"ETag": '"1"'} if request.args else {})

    httpserver.expect_request("/versions.json").respond_with_handler(answer)
    for location in (httpserver.url_for("/versions.json"), httpserver.url_for("/versions.json?etag")):
        spec = SourceSpec(kind="json", location=location, path="@")
        listing = source.listing(spec, {})
        assert listing is not None
        assert source.listing(spec, listing.memo) is None
    assert [response.status_code for _, response in httpserver.log] == [200, 200, 200, 304]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nothing", "finds nothing"),
        ("latest", "finds no list"),
        ("releases[].prerelease", "at 0"),
        ("abs(latest)", "path"),
    ],
)
def test_a_document_of_another_shape_says_nothing(path: str, words: str) -> None:
    with pytest.raises(Transient, match=words):
        found_tags(DOCUMENT, path, where="https://a.example/versions.json")


def test_an_empty_list_is_a_list() -> None:
    assert found_tags([], "@", where="") == ()


@pytest.mark.parametrize("path", ["releases[", "", "a" * 2_000])
def test_a_path_that_is_none_is_told(path: str) -> None:
    with pytest.raises(InvalidInput, match=r"JMESPath|characters"):
        check_path(path)


def test_what_is_no_json_says_nothing(httpserver: HTTPServer, source: JsonSource) -> None:
    httpserver.expect_request("/versions.json").respond_with_data("<html>")
    with pytest.raises(Transient):
        source.listing(spec_of(httpserver), {})


def test_one_version(httpserver: HTTPServer, source: JsonSource) -> None:
    httpserver.expect_request("/versions.json").respond_with_json(DOCUMENT)
    assert source.detail(spec_of(httpserver), "1.3.0-rc.1", platforms=False).prerelease is True
    with pytest.raises(NotFound, match=r"has no version 9"):
        source.detail(spec_of(httpserver), "9", platforms=False)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["version", "releases", "a"]), inner),
    max_leaves=10,
)


@given(JSON, st.sampled_from(["@", "releases", "releases[].version", "*", "sort(@)", "[?version > `1`]", "keys(@)"]))
def test_no_document_makes_it_crash(content: Any, path: str) -> None:
    try:
        assert all(tag.name for tag in found_tags(content, path, where="https://a.example"))
    except Transient as error:
        assert "change the path" in error.message  # noqa: PT017 - either outcome is right, nothing else is
