"""Flux v1's patterns and images: every case of its own tests, and what they do not say."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.domain.versions.dialects import flux1
from control_plane.domain.versions.flux1_images import Image, images_of_values, parse_image
from control_plane.domain.versions.policy import Context, Filter, Policy, Tag, TakesPrereleases
from control_plane.domain.versions.ranges import InvalidRange
from control_plane.domain.versions.references import InvalidReference
from control_plane.domain.versions.selection import choose, explain_names

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DIGEST = "sha256:599fe5e5073102dbb0ee3dbb65f049dab44fa9fc251f6835c9990f8fb196a72b"


def made(name: str, seconds: float | None = None) -> Tag:
    return Tag(name=name, created_at=None if seconds is None else NOW + timedelta(seconds=seconds))


def names(tags: list[Tag]) -> list[str]:
    return [tag.name for tag in tags]


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("*", ["", "1", "foo"], []),
        ("glob:*", ["", "1", "foo"], []),
        ("master-*", ["master-", "master-foo"], ["", "foo-master"]),
        ("a*a", ["aa", "aba"], ["a"]),
        ("v1.*", ["v1.2"], ["v1x2", "xv1.2"]),
        ("semver:*", ["1", "1.0", "v1.0.3"], ["", "latest", "2.0.1-alpha.1"]),
        ("semver:~1", ["v1", "1", "1.2", "1.2.3"], ["", "latest", "2.0.0"]),
        ("semver:2.0.1-alpha.1", ["2.0.1-alpha.1"], ["2.0.1"]),
        ("regexp:(.*?)", ["", "1", "foo"], []),
        ("regexp:^([a-zA-Z]+)$", ["foo", "BAR", "fooBAR"], ["1", "foo-1"]),
        (r"regex:^\w{7}(?:\w)?$", ["af14eb2", "bb73ed94", "946427ff"], ["1", "foo", "946427ff-foo"]),
    ],
)
def test_patterns(pattern: str, matching: list[str], others: list[str]) -> None:
    rule = flux1.parse_pattern(pattern)
    assert [tag for tag in matching + others if rule.matches(tag)] == matching


@pytest.mark.parametrize("pattern", ["semver:", "semver:a", "regexp:[a-", "regex:(?=x)", "glob:" + "x" * 2_000])
def test_patterns_that_cannot_be_read_are_refused(pattern: str) -> None:
    with pytest.raises(InvalidRange):
        flux1.parse_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "listed"),
    [
        ("latest", ["latest"]),
        ("glob:latest", ["latest"]),
        ("*", ["v0"]),
        ("glob:*", ["v0"]),
        ("regexp:.*", ["v0"]),
        ("regexp:^latest$", []),
        ("lat*", []),
    ],
)
def test_latest_is_listed_by_the_pattern_latest_alone(pattern: str, listed: list[str]) -> None:
    tags = [Tag(name="latest"), Tag(name="Latest"), Tag(name="v0")]
    assert names(flux1.newest_first(flux1.parse_pattern(pattern), tags)) == listed


def test_versions_are_listed_newest_first() -> None:
    tags = [Tag(name=name) for name in ("latest", "v0.0.1", "1.0.0")]
    assert names(flux1.newest_first(flux1.parse_pattern("semver:*"), tags)) == ["1.0.0", "v0.0.1"]
    assert names(flux1.newest_first(flux1.parse_pattern("semver:~1"), tags)) == ["1.0.0"]


@pytest.mark.parametrize("step", [1, -1])
def test_of_one_version_the_fully_written_tag_is_newer(step: int) -> None:
    tags = [Tag(name=name) for name in ("3", "v1", "1.10", "1.2.30", "1.10.0", "bbb", "aaa")][::step]
    assert names(flux1.newest_first(flux1.parse_pattern("semver:*"), tags)) == ["3", "1.10.0", "1.10", "1.2.30", "v1"]


@pytest.mark.parametrize("step", [1, -1])
def test_tags_are_listed_by_when_they_were_made(step: int) -> None:
    tags = [made("2", 0), made("0", 1), made("3", -1), made("4"), made("1", 0), made("5")][::step]
    assert names(flux1.newest_first(flux1.parse_pattern("*"), tags)) == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    ("pattern", "current", "tags", "update"),
    [
        ("*", "current", [made("current", 0), made("new", 1)], "new"),
        ("*", "current", [made("current", 0), made("", 1)], None),  # the newest has no tag
        ("*", "current", [made("current"), made("new", 1)], None),  # not known when the current one was made
        ("*", "current", [made("current", 0), made("new")], None),
        ("*", "current", [made("new", 1)], None),  # the current one is not there any more
        ("semver:^1.0", "1.0.0", [made("1.0.0", 0), made("1.1.0")], "1.1.0"),  # versions need no time
        ("*", "new", [made("current", 0), made("new", 1)], None),
        ("*", "current", [], None),
    ],
)
def test_updates(pattern: str, current: str, tags: list[Tag], update: str | None) -> None:
    found = flux1.update_of(flux1.parse_pattern(pattern), current, tags)
    assert (found and found.name) == update


def test_our_own_first_sight_counts_where_the_source_tells_no_time() -> None:
    asked = {"b": NOW, "a": NOW + timedelta(hours=1)}
    tags = [Tag(name=name, digest=f"sha256:{name}", first_seen_at=at) for name, at in asked.items()]
    chosen = choose(Policy(dialect="flux1", rule="*"), tags, Context(now=NOW))
    assert chosen is not None
    assert chosen.tag == "a"


def test_the_variant_that_runs_is_kept() -> None:
    policy = Policy(dialect="flux1", rule="semver:>=1-0")
    chosen = choose(policy, [Tag(name="1.2.0-alpine"), Tag(name="1.3.0")], Context(now=NOW, current="1.1.0-alpine"))
    assert chosen is not None
    assert chosen.tag == "1.2.0-alpine"


def test_prereleases_can_be_allowed_beside_the_range() -> None:
    rule = flux1.compile_pattern("semver:~1", current="")
    assert isinstance(rule, TakesPrereleases)
    assert rule.with_prereleases().read("1.1.0-rc.1", Tag(name="")).refusal == ""
    assert not isinstance(flux1.compile_pattern("glob:1.*", current=""), TakesPrereleases)


def test_an_underscore_is_no_plus() -> None:
    # It is in charts' tags only: an image's tag with it is no version.
    assert not flux1.parse_pattern("semver:*").matches("1.2.3_4")


def test_reasons() -> None:
    verdicts = explain_names(
        Policy(dialect="flux1", rule="v*", filter=Filter(exclude=("v0",))), ["latest", "1", "v0"], NOW
    )
    assert {one.tag: one.reason for one in verdicts} == {
        "latest": "does not match glob:v*",
        "1": "does not match glob:v*",
        "v0": "excluded by v0",
    }
    (latest,) = explain_names(Policy(dialect="flux1", rule="*"), ["latest"], NOW)
    assert latest.reason == "latest is no version: the pattern glob:latest follows it"


@pytest.mark.parametrize(
    ("text", "registry", "repository", "canonical"),
    [
        ("alpine", "index.docker.io", "library/alpine", "index.docker.io/library/alpine"),
        ("library/alpine", "index.docker.io", "library/alpine", "index.docker.io/library/alpine"),
        ("alpine:mytag", "index.docker.io", "library/alpine", "index.docker.io/library/alpine:mytag"),
        ("docker.io/library/alpine", "index.docker.io", "library/alpine", "index.docker.io/library/alpine"),
        ("docker.io/alpine:1", "index.docker.io", "library/alpine", "index.docker.io/library/alpine:1"),
        ("localhost/hello:v1.1", "localhost", "hello", "localhost/hello:v1.1"),
        ("localhost:5000/hello:v1.1", "localhost:5000", "hello", "localhost:5000/hello:v1.1"),
        ("example.com/hello:v1.1", "example.com", "hello", "example.com/hello:v1.1"),
        ("example.com:80/hello", "example.com:80", "hello", "example.com:80/hello"),
        ("quay.io/library/alpine", "quay.io", "library/alpine", "quay.io/library/alpine"),
        ("quay.io/library/alpine:latest", "quay.io", "library/alpine", "quay.io/library/alpine:latest"),
        ("quay.io/library/alpine:mytag", "quay.io", "library/alpine", "quay.io/library/alpine:mytag"),
        ("localhost:5000/path/to/repo/alpine:mytag", "localhost:5000", "path/to/repo/alpine",
         "localhost:5000/path/to/repo/alpine:mytag"),
        (f"kennethreitz/httpbin@{DIGEST}", "index.docker.io", "kennethreitz/httpbin", "index.docker.io/kennethreitz/httpbin"),
    ],
)  # fmt: skip
def test_images(text: str, registry: str, repository: str, canonical: str) -> None:
    image = parse_image(text)
    assert (image.registry, image.repository, image.canonical) == (registry, repository, canonical)
    assert str(image) == text


@pytest.mark.parametrize(
    "text", ["", ":tag", "/leading/slash", "trailing/slash/", "a:b:c", "a:", "quay.io/:x", f"@{DIGEST}", "a@", "a@b"]
)
def test_images_that_are_none(text: str) -> None:
    with pytest.raises(InvalidReference):
        parse_image(text)


def test_parts_of_an_image() -> None:
    assert parse_image("quay.io/my/repo:mytag") == Image("quay.io", "my/repo", "mytag")
    assert str(parse_image(f"quay.io/my/repo:mytag@{DIGEST}").with_tag("new")) == "quay.io/my/repo:new"


REGISTRY, REPOSITORY, TAG = (f"{part}.fluxcd.io/" for part in ("registry", "repository", "tag"))


@pytest.mark.parametrize(
    ("values", "annotations", "images"),
    [
        ({"first": "post", "image": "bitnami/ghost:1-r0"}, {}, {"chart-image": "bitnami/ghost:1-r0"}),
        ({"image": "bitnami/ghost", "tag": "1-r0"}, {}, {"chart-image": "bitnami/ghost:1-r0"}),
        ({"registry": "r.com", "image": "bitnami/ghost", "tag": "1"}, {}, {"chart-image": "r.com/bitnami/ghost:1"}),
        ({"registry": "r.com", "image": "bitnami/ghost:1"}, {}, {"chart-image": "r.com/bitnami/ghost:1"}),
        ({"image": {"repository": "bitnami/ghost", "tag": "1"}}, {}, {"chart-image": "bitnami/ghost:1"}),
        ({"db": {"image": "bitnami/ghost:1"}, "other": {"not": "an image"}}, {}, {"db": "bitnami/ghost:1"}),
        ({"db": {"image": "bitnami/ghost", "tag": "1"}}, {}, {"db": "bitnami/ghost:1"}),
        ({"db": {"registry": "r.com", "image": "a/b", "tag": "1"}}, {}, {"db": "r.com/a/b:1"}),
        ({"db": {"registry": "r.com", "image": "a/b:1"}}, {}, {"db": "r.com/a/b:1"}),
        ({"db": {"image": {"repository": "a/b", "tag": "1"}}}, {}, {"db": "a/b:1"}),
        ({"db": {"image": {"registry": "r.com", "repository": "a/b", "tag": "1"}}}, {}, {"db": "r.com/a/b:1"}),
        ({"db": {"image": {"registry": "r.com", "repository": "x/a/b", "tag": "1"}}}, {}, {"db": "r.com/x/a/b:1"}),
        ({"db": {"image": {"registry": "r.com", "repository": "a/b:1"}}}, {}, {"db": "r.com/a/b:1"}),
        ({"r": "a/b:1"}, {f"{REPOSITORY}db": "r"}, {"db": "a/b:1"}),
        ({"r": "a/b", "t": "1"}, {f"{REPOSITORY}db": "r", f"{TAG}db": "t"}, {"db": "a/b:1"}),
        ({"h": "docker.io", "r": "a/b:1"}, {f"{REGISTRY}db": "h", f"{REPOSITORY}db": "r"}, {"db": "docker.io/a/b:1"}),
        ({"h": "index.docker.io", "r": "a/b", "t": "1"},
         {f"{REGISTRY}db": "h", f"{REPOSITORY}db": "r", f"{TAG}db": "t"}, {"db": "index.docker.io/a/b:1"}),
        ({"t": "1"}, {f"{TAG}db": "t"}, {}),
        ({"db": {"nested": {"r": "a/b:1"}}}, {f"{REPOSITORY}db": "db.nested.r"}, {"db": "a/b:1"}),
        ({"db": {"image": "a/b:1", "r": "c/d:2"}}, {f"{REPOSITORY}db": "db.r"}, {"db": "c/d:2"}),
        ({"db": {"image": "a/b:1"}}, {f"{REPOSITORY}db": "db.nowhere", f"{TAG}db": "x"}, {"db": "a/b:1"}),
        ({"db": {"image": "a/b", "tag": 1.2}}, {}, {"db": "a/b"}),  # a number is no tag
        ({"db": {"image": "a:b:c"}, "x": {"image": ["a"]}, "y": {"image": {"repository": 1}}, "z": "a"}, {}, {}),
    ],
)  # fmt: skip
def test_images_of_values(values: dict[str, Any], annotations: dict[str, str], images: dict[str, str]) -> None:
    assert {name: str(image) for name, image in images_of_values(values, annotations).items()} == images


def test_all_forms_in_one_with_the_top_image_first() -> None:
    values = {
        "ZZZ": {"repository": "repo/seven", "version": "7"},
        "AAA": {"image": "repo/two", "tag": "2"},
        "DDD": {"image": {"repository": "repo/three", "tag": "3"}, "persistence": {"enabled": False}},
        "image": "repo/one:1",
        "HHH": {"registry": "r.com", "image": "repo/four", "tag": "4"},
        "NNN": {"image": {"registry": "r.com", "repository": "repo/five:5"}},
        "XXX": {"image": {"registry": "r.com", "repository": "repo/six", "tag": "6"}},
    }
    annotations = {f"{REPOSITORY}ZZZ": "ZZZ.repository", f"{TAG}ZZZ": "ZZZ.version", "other.io/ZZZ": "x"}
    assert [(name, str(image)) for name, image in images_of_values(values, annotations).items()] == [
        ("chart-image", "repo/one:1"),
        ("AAA", "repo/two:2"),
        ("DDD", "repo/three:3"),
        ("HHH", "r.com/repo/four:4"),
        ("NNN", "r.com/repo/five:5"),
        ("XXX", "r.com/repo/six:6"),
        ("ZZZ", "repo/seven:7"),
    ]


@given(st.text(max_size=60) | st.text("semvrglobx:*^$[].-0123456789 ", max_size=30), st.text(max_size=30))
def test_hostile_patterns(pattern: str, tag: str) -> None:
    for text in (pattern, f"semver:{pattern}", f"regexp:{pattern}"):
        try:
            rule = flux1.parse_pattern(text)
        except InvalidRange:
            continue
        flux1.newest_first(rule, [Tag(name=tag), Tag(name="1.0")])


@given(st.text(max_size=60) | st.text("a./:@-", max_size=30))
def test_an_image_that_is_read_is_written_as_it_was(text: str) -> None:
    try:
        image = parse_image(text)
    except InvalidReference:
        return
    assert str(image) == text
    assert parse_image(image.canonical).canonical == image.canonical


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.sampled_from(["image", "registry", "tag", "x"]), one),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["image", "registry", "tag", "x", "chart-image"]), JSON), st.text(max_size=8))
def test_hostile_values(values: dict[str, Any], path: str) -> None:
    for image in images_of_values(values, {f"{REPOSITORY}x": path, f"{TAG}x": "x.tag"}).values():
        assert image.path
