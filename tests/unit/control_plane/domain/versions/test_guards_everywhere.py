"""The guards hold in every dialect that can read the tag at all: variant, pre-releases, majors."""

from datetime import UTC, datetime, timedelta

import pytest

from control_plane.domain.versions.families import Traits, traits_of
from control_plane.domain.versions.policy import Context, Guards, Policy, Tag
from control_plane.domain.versions.selection import choose

NOW = datetime(2026, 11, 25, tzinfo=UTC)
BY_TEXT = [
    ("flux-alphabetical", "*"),
    ("keel", "glob:*"),
    ("keel", "regexp:^v?[0-9]"),
    ("argocd-alphabetical", "any"),
    ("argocd-newest-build", "any"),
    ("flux1", "glob:*"),
]
BY_VERSION = [
    ("helm", ">=1-0"),
    ("keel", "all"),
    ("flux-semver", ">=1-0"),
    ("flux1", "semver:>=1-0"),
    ("frontier", "0"),
    ("docker", "*"),
]
ALL = BY_TEXT + BY_VERSION


def chosen(dialect, rule, current, *others, **guards):
    """Return what is taken of tags that were made one after the other."""
    tags = [Tag(name=name, created_at=NOW - timedelta(days=9 - at)) for at, name in enumerate((current, *others))]
    policy = Policy(dialect=dialect, rule=rule, guards=Guards(**guards))
    found = choose(policy, [tag for tag in tags if tag.name], Context(now=NOW, current=current))
    return found.tag if found else ""


@pytest.mark.parametrize(("dialect", "rule"), ALL)
def test_a_variant_is_never_followed_by_another(dialect, rule):
    assert chosen(dialect, rule, "3.2.1-alpine", "3.2.2-alpine", "3.2.3") == "3.2.2-alpine"
    assert chosen(dialect, rule, "3.2.1", "3.2.2", "3.2.3-alpine") == "3.2.2"


@pytest.mark.parametrize(("dialect", "rule"), BY_TEXT)
def test_any_variant_is_taken_where_a_person_says_so(dialect, rule):
    assert chosen(dialect, rule, "3.2.1-alpine", "3.2.2", variant=False) == "3.2.2"


@pytest.mark.parametrize(("dialect", "rule"), ALL)
@pytest.mark.parametrize("early", ["3.3.0-rc1", "3.3.0-beta.2"])
def test_never_means_never(dialect, rule, early):
    assert chosen(dialect, rule, "3.2.1", early, prereleases="never") == "3.2.1"


@pytest.mark.parametrize(("dialect", "rule"), BY_TEXT)
def test_a_suffix_without_hyphen_is_a_prerelease_too(dialect, rule):
    assert chosen(dialect, rule, "3.2.1", "3.3.0rc1", prereleases="never") == "3.2.1"


@pytest.mark.parametrize(("dialect", "rule"), [one for one in ALL if one != ("keel", "all")])
def test_never_keeps_no_variant_back(dialect, rule):
    assert chosen(dialect, rule, "1.2.0-alpine", "1.3.0-alpine", prereleases="never") == "1.3.0-alpine"


@pytest.mark.parametrize(("dialect", "rule"), [*ALL, ("flux-numerical", "*")])
def test_a_new_major_is_a_persons_where_the_policy_asks(dialect, rule):
    current, newer, major = ("1.7", "1.9", "2.0") if dialect == "flux-numerical" else ("1.7.0", "1.9.0", "2.0.0")
    assert chosen(dialect, rule, current, newer, major, majors="ask") == newer


def test_a_frontier_takes_no_prerelease_unasked():
    assert chosen("frontier", "2", "", "3.2.1", "3.3.0-rc1") == "3.2.1"
    assert chosen("frontier", "2", "", "3.2.1", "3.3.0-rc1", prereleases="allowed") == "3.3.0-rc1"
    assert chosen("frontier", "2", "3.3.0-rc1", "3.3.0-rc2") == "3.3.0-rc2"
    assert chosen("frontier", "2", "3.3.0-rc2", "3.3.0-rc10", "3.3.0") == "3.3.0"


@pytest.mark.parametrize(
    ("text", "traits"),
    [
        ("3.2.1", Traits(major=3)),
        ("v15-alpine3.20", Traits(major=15, family="alpine3.20")),
        ("3.3.0-rc.1-alpine", Traits(prerelease=True, major=3, family="alpine")),
        ("3.3.0rc1", Traits(prerelease=True, major=3)),
        ("20261125", Traits()),
        ("2026-11-25", Traits(major=2026)),
        ("1694132169-3a3560ef", Traits()),
        ("3b2f1c9", Traits()),
        ("1b2", Traits()),
        ("main-9-a1b2c3", Traits()),
        ("latest", Traits()),
        ("", Traits()),
    ],
)
def test_what_a_text_says_of_itself(text, traits):
    assert traits_of(text) == traits
