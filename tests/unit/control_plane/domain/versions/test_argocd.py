"""Argo CD Image Updater's strategies and images: every case of its own tests, and what they do not say."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.domain.versions.argocd_images import Image, parse_image
from control_plane.domain.versions.dialects import argocd
from control_plane.domain.versions.file_patterns import file_match
from control_plane.domain.versions.policy import Context, Policy, Tag, TakesPrereleases
from control_plane.domain.versions.ranges import InvalidRange
from control_plane.domain.versions.selection import choose

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DIGEST = "sha256:1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef"
VERSIONS = ["0.1", "0.5.1", "0.9", "1.0", "1.0.1", "1.1.2", "2.0.3"]
WORDS = ["zz", "bb", "yy", "cc", "yy", "aa", "ll"]


def dated(names: list[str], step: float = 5) -> list[Tag]:
    return [Tag(name=name, created_at=NOW + timedelta(seconds=step * place)) for place, name in enumerate(names)]


@pytest.mark.parametrize(
    ("strategy", "constraint", "names", "chosen"),
    [
        ("semver", "", VERSIONS, "2.0.3"),
        ("semver", "^1.0", VERSIONS, "1.1.2"),
        ("semver", "~1.0", VERSIONS, "1.0.1"),
        ("semver", "~1.0", ["0.1", "0.5.1", "0.9", "2.0.3"], None),
        ("semver", "~1.0", [], None),
        ("semver", "", WORDS, None),
        ("semver", "", ["1.0", "2.0-rc.1"], "2.0-rc.1"),  # without a range every version counts
        ("semver", "*", ["1.0", "2.0-rc.1"], "1.0"),
        ("semver", "", ["1.0", "1.2.3_4"], "1.0"),  # an underscore is no plus: images are no charts
        ("newest-build", "", WORDS, "ll"),
        ("alphabetical", "", WORDS, "zz"),
        ("digest", "latest", ["latest", "1.0"], "latest"),
        ("digest", "edge", ["latest", "1.0"], None),
    ],
)
def test_select(strategy: argocd.Strategy, constraint: str, names: list[str], chosen: str | None) -> None:
    found = argocd.select(strategy, constraint, dated(names))
    assert (found and found.name) == chosen


def test_a_constraint_that_is_no_range_is_refused() -> None:
    with pytest.raises(InvalidRange):
        argocd.select("semver", "latest", dated(VERSIONS))


def test_a_followed_tag_comes_with_its_digest() -> None:
    found = argocd.select("digest", "latest", [Tag(name="latest", digest=DIGEST)])
    assert found is not None
    assert found.digest == DIGEST


@pytest.mark.parametrize(
    ("strategy", "names", "in_order"),
    [
        ("alphabetical", ["wohoo", "bazar", "alpha", "jesus", "zebra"], ["alpha", "bazar", "jesus", "wohoo", "zebra"]),
        ("semver", ["v2.0.2", "v1.0", "v2.0.0", "v1.0.1", "x", "v2.0"], ["v1.0", "v1.0.1", "v2.0", "v2.0.0", "v2.0.2"]),
        ("newest-build", ["v2.0.2", "v1.0", "v1.0.1"], ["v2.0.2", "v1.0", "v1.0.1"]),
        ("alphabetical", ["a", "a"], ["a"]),
    ],
)
def test_order(strategy: argocd.Strategy, names: list[str], in_order: list[str]) -> None:
    assert [tag.name for tag in argocd.in_order(strategy, dated(names))] == in_order


def test_builds_of_one_moment_are_ordered_by_name() -> None:
    tags = dated(["v2.0.2", "v1.0", "v1.0.1", "v2.0.3", "v2.0"], step=0)
    assert [tag.name for tag in argocd.in_order("newest-build", tags)] == ["v1.0", "v1.0.1", "v2.0", "v2.0.2", "v2.0.3"]


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (("v1.0.0", ""), ("v1.0.0", ""), True),
        (("v1.0.0", "abcdef"), ("v1.0.0-variant2", "abcdef"), True),
        (("v1.0.0", "abcdef"), ("v1.0.0", "abcdef"), True),
        (("v1.0.0", ""), ("v1.0.1", ""), False),
        (("v1.0.0", "abc"), ("v1.0.0", "def"), False),
        (("v1.0.0", "abc"), ("v1.0.0", ""), False),
    ],
)
def test_same_tags(a: tuple[str, str], b: tuple[str, str], same: bool) -> None:
    one, other = Tag(name=a[0], digest=a[1]), Tag(name=b[0], digest=b[1])
    assert argocd.is_same(one, other) is same
    assert argocd.is_same(other, one) is same


def test_traits() -> None:
    traits = argocd.TRAITS
    assert [name for name in traits if not traits[name].cacheable] == ["digest"]
    assert [name for name in traits if traits[name].needs_metadata] == ["newest-build"]
    assert [name for name in traits if traits[name].needs_constraint] == ["digest"]
    assert [name for name in traits if traits[name].only_constraint_tag] == ["digest"]


@pytest.mark.parametrize(
    ("ignore", "ignored", "others"),
    [
        (["tag1", "tag2"], ["tag1", "tag2"], ["tag3", "tag", "xtag1"]),
        (["tag?", "foo"], ["tag1", "foo"], ["tag10", "tag"]),
        (["1.*"], ["1.", "1.2.3"], ["1", "1./2"]),
        (["[a-c]1", "[^x-z]2"], ["a1", "c1", "a2"], ["d1", "x2"]),
        ([r"[\d]", r"\*"], ["d", "*"], ["1", "x"]),
        (["[a-"], [], ["a", "[a-"]),
        (["[]a]", "[^]", "[-a]", "[a-]", "[", "a\\"], [], ["a", "]", "-", "^", "["]),
        (["[z-a]"], [], ["z", "a", "m"]),
        (["[^z-a]"], ["z", "a"], [""]),
        (["[[:alpha:]]"], ["a]", ":]", "[]"], ["a", "b]"]),
        (["[ab-d.]x"], ["ax", "cx", ".x"], ["ex", "-x"]),
        ([], [], ["x"]),
    ],
)
def test_ignored(ignore: list[str], ignored: list[str], others: list[str]) -> None:
    assert [tag for tag in ignored + others if argocd.is_ignored(tag, ignore)] == ignored


@pytest.mark.parametrize(
    ("text", "tag", "matches"),
    [
        ("", "any tag", True),
        ("any", "any tag", True),
        ("ANY", "any tag", True),
        ("other", "any tag", False),
        ("not-regexp:a-z", "any tag", False),
        ("regexp:[aA-zZ]", "MatchFuncRegexp-tag-name", True),
        ("RegExp:[aA-zZ]", "MatchFuncRegexp-tag-name", True),
        ("regexp:[aA-zZ", "any tag", False),
        ("regexp:[a-z]+", "lemon", True),
        ("regexp:[a-z]+", "31337", False),
    ],
)
def test_allowed(text: str, tag: str, matches: bool) -> None:
    assert argocd.allowed(text).matches(tag) is matches


@pytest.mark.parametrize("rule", ["other", "not-regexp:a-z", "regexp:[aA-zZ", "glob:*"])
def test_a_policy_that_lets_nothing_through_is_refused(rule: str) -> None:
    for compile_rule in (argocd.compile_newest_build, argocd.compile_alphabetical):
        with pytest.raises(InvalidRange):
            compile_rule(rule, current="")


@pytest.mark.parametrize("rule", ["", "*", "any", "Any", "regexp:^main", "RegExp:^main", "regex:^main"])
def test_policies_of_allowed_tags(rule: str) -> None:
    assert argocd.compile_newest_build(rule, current="").read("main-1", Tag(name="main-1")).refusal == ""
    refusal = argocd.compile_alphabetical(rule, current="").read("x", Tag(name="x")).refusal
    assert bool(refusal) == ("^main" in rule)


@pytest.mark.parametrize(
    ("dialect", "rule", "names", "current", "chosen"),
    [
        ("argocd-semver", "^1.0", VERSIONS, "1.0", "1.1.2"),
        ("argocd-semver", "", [*VERSIONS, "3.0.0-rc.1"], "latest", "2.0.3"),
        ("argocd-newest-build", "any", WORDS, "bb", "ll"),
        ("argocd-newest-build", "regexp:^[bz]", WORDS, "", "bb"),
        ("argocd-alphabetical", "any", WORDS, "bb", "zz"),
        ("argocd-digest", "latest", ["latest", "1.0"], "latest", "latest"),
        ("argocd-digest", "", ["latest", "1.0"], "1.0", "1.0"),
    ],
)
def test_policies(dialect: str, rule: str, names: list[str], current: str, chosen: str) -> None:
    policy = Policy(dialect=dialect, rule=rule)  # type: ignore[arg-type]
    found = choose(policy, dated(names), Context(now=NOW, current=current))
    assert found is not None
    assert found.tag == chosen


def test_digest_needs_a_tag() -> None:
    with pytest.raises(InvalidRange, match="which tag"):
        argocd.compile_digest("", current="")


def test_prereleases_can_be_allowed_beside_the_range() -> None:
    rule = argocd.compile_semver("~1", current="")
    assert isinstance(rule, TakesPrereleases)
    assert rule.with_prereleases().read("1.1.0-rc.1", Tag(name="")).refusal == ""


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("jannfis/test-image:0.1", Image(name="jannfis/test-image", tag="0.1")),
        ("test-image", Image(name="test-image")),
        ("library/test-image", Image(name="library/test-image")),
        ("harbor.example.com/library/test-image:0.1",
         Image(registry="harbor.example.com", name="library/test-image", tag="0.1")),
        ("harbor.example.com/library/nested/test-image:0.1",
         Image(registry="harbor.example.com", name="library/nested/test-image", tag="0.1")),
        ("gcr.io/jannfis/test-image:0.1", Image(registry="gcr.io", name="jannfis/test-image", tag="0.1")),
        ("docker.io/jannfis/test-image:0.1", Image(registry="docker.io", name="jannfis/test-image", tag="0.1")),
        ("docker.io/test-image", Image(registry="docker.io", name="test-image")),
        ("gcr.io/jannfis/test-image@sha256:abcde",
         Image(registry="gcr.io", name="jannfis/test-image", tag="", digest="sha256:abcde")),
        ("gcr.io/jannfis/test-image:test-tag@sha256:abcde",
         Image(registry="gcr.io", name="jannfis/test-image", tag="test-tag", digest="sha256:abcde")),
        ("localhost:5000/Test@sha256:abcde", Image(name="localhost:5000/Test", tag="", digest="sha256:abcde")),
        (f"gcr.io/jannfis/test-image:latest-bookworm@{DIGEST}",
         Image(registry="gcr.io", name="jannfis/test-image", tag="latest-bookworm", digest=DIGEST)),
        (f"gcr.io/jannfis/test-image@{DIGEST}",
         Image(registry="gcr.io", name="jannfis/test-image", tag="", digest=DIGEST)),
        ("jannfis/orig-image=gcr.io/jannfis/test-image:0.1",
         Image(alias="jannfis/orig-image", registry="gcr.io", name="jannfis/test-image", tag="0.1")),
        ("ghcr.io:4567/jannfis/orig-image=gcr.io:1234/jannfis/test-image:0.1",
         Image(alias="ghcr.io:4567/jannfis/orig-image", registry="gcr.io:1234", name="jannfis/test-image", tag="0.1")),
        ("jannfis/orig-image=gcr.io/jannfis/test-image",
         Image(alias="jannfis/orig-image", registry="gcr.io", name="jannfis/test-image")),
        ("classic-web=registry:5000/classic-web",
         Image(alias="classic-web", registry="registry:5000", name="classic-web")),
        ("invalid==foo", Image(alias="invalid", name="=foo")),
        ("Upper:1", Image(name="Upper", tag="1")),
        ("", Image(name="")),
    ],
)  # fmt: skip
def test_images(text: str, image: Image) -> None:
    assert parse_image(text) == image
    assert str(image) == text


def test_tags_with_digests() -> None:
    assert parse_image("gcr.io/a/b@sha256:abcde").tag_with_digest == "latest@sha256:abcde"
    assert parse_image("gcr.io/a/b:x@sha256:abcde").tag_with_digest == "x@sha256:abcde"
    assert parse_image("gcr.io/a/b:x").tag_with_digest == "x"
    assert parse_image("gcr.io/a/b").tag_with_digest == ""


def test_a_name_that_has_the_registry_already_is_not_given_it_twice() -> None:
    assert (
        str(Image(registry="docker.io", name="docker.io/jannfis/test-image", tag="0.1"))
        == "docker.io/jannfis/test-image:0.1"
    )


def test_same_images() -> None:
    assert parse_image("x/foo:1").is_same(parse_image("a=x/foo:2"))
    assert not parse_image("x/foo:1").is_same(parse_image("x/bar:1"))
    assert not parse_image("x/bar:1").is_same(parse_image("docker.io/x/bar:1"))


def matches_as_go(pattern: str, text: str) -> bool:
    """Match a well-formed pattern piece by piece, as the documentation of Go's ``path/filepath`` words it."""
    if not pattern:
        return not text
    head, rest = pattern[0], pattern[1:]
    if head == "*":
        return matches_as_go(rest, text) or (bool(text) and text[0] != "/" and matches_as_go(pattern, text[1:]))
    if head == "[":
        inside, _, rest = rest.partition("]")
        negated, inside = inside.startswith("^"), inside.removeprefix("^")
        pairs = [(part[0], part[-1]) for part in re.findall(".-.|.", inside)]
        fits = bool(text) and any(low <= text[0] <= high for low, high in pairs) is not negated
    else:
        fits = bool(text) and (text[0] == head if head != "?" else text[0] != "/")
    return fits and matches_as_go(rest, text[1:])


CLASSES = st.sampled_from(["[a-c]", "[^a-c]", "[.]", "[abc]", "[^b/]", "[c-a]", "[a-b1]"])
PATTERNS = st.lists(st.sampled_from(["*", "?", "a", "b", ".", "/", "1", "+", "("]) | CLASSES, max_size=6).map("".join)


@given(PATTERNS, st.text("abc1./+(", max_size=6))
def test_file_patterns_match_as_in_go(pattern: str, text: str) -> None:
    assert file_match(pattern, text) is matches_as_go(pattern, text)


@given(st.text(max_size=60) | st.text("[]^-\\*?a=/:@.", max_size=30), st.text(max_size=30))
def test_hostile_texts(text: str, tag: str) -> None:
    parse_image(text)
    argocd.is_ignored(tag, [text])
    argocd.allowed(f"regexp:{text}").matches(tag)
    for dialect in (argocd.compile_semver, argocd.compile_newest_build, argocd.compile_alphabetical):
        try:
            dialect(text, current=tag).read(tag, Tag(name=tag))
        except InvalidRange:
            continue


def test_long_texts_cost_little() -> None:
    for text in ("*" * 20_000, "[" * 20_000, "[a-" * 20_000, "a=" * 20_000, "/:@" * 20_000, "a" * 20_000 + "@"):
        parse_image(text)
        argocd.is_ignored("a" * 128, [text])
    assert not argocd.is_ignored("a" * 128, ["*a" * 60 + "b"])
