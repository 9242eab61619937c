"""Patterns: what matches, what a replacement makes of it, what is refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.domain.versions.patterns import compile_pattern
from control_plane.domain.versions.ranges import InvalidRange


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("glob:3.*", "3.1", True),
        ("glob:3.*", "3x1", False),
        ("glob:*", "", True),
        ("glob:a?", "ab", False),
        ("regexp:^v[0-9]+$", "v12", True),
        ("regex:[0-9]", "a1b", True),
        ("1.2", "1.2", True),
        ("1.2", "1x2", False),
        (r"regexp:^\\C$", r"\C", True),
        (r"regexp:^\Q\C\E$", r"\C", True),
    ],
)
def test_matches(pattern: str, text: str, expected: bool) -> None:
    assert compile_pattern(pattern).matches(text) is expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [("$1", "7"), ("${n}-$$", "7-$"), ("$1x", ""), ("${1}x", "7x"), ("$9", ""), ("$01", ""), ("a$", "a$")],
)
def test_expands_as_go_does(template: str, expected: str) -> None:
    assert compile_pattern("regexp:^v(?P<n>[0-9]+)").expand("v7", template) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "regexp:(",
        r"regexp:(a)\1",
        "glob:" + "a" * 2_000,
        "regexp:((a{100}){100}){100}",
        r"regexp:a\C",
        "regexp:(?P<é>a)",
    ],
)
def test_refuses(pattern: str) -> None:
    with pytest.raises(InvalidRange, match="pattern"):
        compile_pattern(pattern)


@given(st.text("ab*", max_size=8), st.text("ab\n", max_size=8))
def test_a_glob_matches_where_its_expression_would(glob: str, text: str) -> None:
    expression = ".*".join(map(re.escape, glob.split("*")))
    assert compile_pattern(f"glob:{glob}").matches(text) is bool(re.fullmatch(expression, text, re.DOTALL))


def test_a_glob_has_no_groups_but_the_whole_text() -> None:
    pattern = compile_pattern("glob:v*")
    assert pattern.expand("v7", "<$0|$1|${n}|$$>") == "<v7|||$>"
    assert pattern.expand("7", "$0") is None
    assert pattern.groups == frozenset()


def test_a_text_that_is_no_unicode_matches_no_expression() -> None:
    pattern = compile_pattern("regexp:.")
    assert not pattern.matches("\ud800")
    assert pattern.expand("\ud800", "$0") is None


def test_what_would_take_long_for_each_character_is_refused() -> None:
    with pytest.raises(InvalidRange, match="steps"):
        compile_pattern("regexp:(.?){999}z")
    assert compile_pattern(r"regexp:^.{1,128}\pL\pN$").matches("a" * 128 + "a1")
