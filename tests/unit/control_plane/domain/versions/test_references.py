"""References: what is written comes back, and what Docker fills in is filled in. Single cases are in tests/conformance."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.domain.versions import InvalidReference, Reference
from control_plane.domain.versions import references as refs

components = st.from_regex(r"[a-z0-9]{1,5}([._-][a-z0-9]{1,3})?", fullmatch=True)
parts = st.builds(
    Reference,
    domain=st.sampled_from(["ghcr.io", "localhost:5000", "[::1]:5000", "127.0.0.1:5000"]),
    path=st.lists(components, min_size=1, max_size=3).map("/".join),
    tag=st.sampled_from(["", "1.0", "v2.2.8", "_x"]),
    digest=st.sampled_from(["", "sha256:" + "0a" * 32]),
)


@given(parts)
def test_a_reference_survives_being_written(reference: Reference) -> None:
    assert refs.parse(str(reference)) == reference == refs.canonical(str(reference))


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        reference = refs.normalise(text)
    except InvalidReference:
        return
    assert refs.normalise(str(reference)) == reference


def test_defaults_are_dockers() -> None:
    assert str(refs.docker_reference("nginx")) == "docker.io/library/nginx:latest"
    assert refs.normalise("docker.io/library/nginx").familiar == "nginx"
    assert refs.normalise("miniflux/miniflux:2.2.8").repository == "docker.io/miniflux/miniflux"
    assert str(refs.normalise("nginx").pinned("sha256:" + "0" * 64)) == "docker.io/library/nginx@sha256:" + "0" * 64


def test_composing_is_the_other_way_round() -> None:
    digest = "sha256:" + "0" * 64
    assert refs.compose("ghcr.io/a/b", tag="1.0", digest=digest) == f"ghcr.io/a/b:1.0@{digest}"
    assert refs.parse_name("ghcr.io/a/b") == Reference(domain="ghcr.io", path="a/b")


@pytest.mark.parametrize(
    ("name", "tag", "digest"),
    [("a:1", "", ""), ("A", "", ""), ("a", "-1", ""), ("a", "", "sha256:0"), ("a", "x" * 129, "")],
)
def test_what_cannot_be_composed_is_refused(name: str, tag: str, digest: str) -> None:
    with pytest.raises(InvalidReference):
        refs.compose(name, tag=tag, digest=digest)


@pytest.mark.parametrize("text", ["", "UPPER", "a:b:c", "a@sha256:0", "http://x/y", "a b", "a/", "/a", "x" * 300])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(InvalidReference):
        refs.normalise(text)


@pytest.mark.parametrize(
    "hostile", ["a" * 1024 + "!", "a-" * 512, "a/" * 512, "a" + "-" * 1000 + "!", "a." * 500 + "/!"]
)
def test_a_hostile_reference_costs_no_time(hostile: str) -> None:
    started = time.perf_counter()
    with pytest.raises(InvalidReference):
        refs.parse(hostile)
    assert time.perf_counter() - started < 0.1
