"""No text, tag or rule, makes a dialect raise anything but ``InvalidRange``, nor takes long; every order is total."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.domain.versions.dialects import DIALECTS
from control_plane.domain.versions.patterns import compile_pattern
from control_plane.domain.versions.policy import CompileRule, Dialect, Tag
from control_plane.domain.versions.ranges import InvalidRange

RULES: dict[Dialect, tuple[str, ...]] = {
    "helm": ("*", ">=1.2 <3 || ^4-0"),
    "keel": ("all", "minor", "force", "glob:1*", "regexp:^(?P<compare>.)"),
    "flux-semver": (">=0",),
    "flux-alphabetical": ("*",),
    "flux-numerical": ("*",),
    "flux1": ("semver:*", "glob:1*", "regexp:[0-9]"),
    "argocd-semver": ("~1",),
    "argocd-newest-build": ("any", "regexp:[0-9]"),
    "argocd-alphabetical": ("regexp:[0-9]",),
    "argocd-digest": ("1.2",),
    "frontier": ("1",),
    "pep440": (">=1", "!=2.1.*,~=1.4", "===1.0"),
    "calendar": ("YYYY.MM-MODIFIER", "YYYY.0M.0D >=2024"),
    "docker": (">=1 <4",),
}
ALL = [(dialect, rule) for dialect, rules in RULES.items() for rule in rules]
# The same that a regular expression with backtracking would take forever for.
HOSTILE_RULES = (
    "regexp:(a*)*b", "regexp:((a+)+)+$", "regexp:(a|aa)+$", "regexp:^(([a-z])+.)+[A-Z]([a-z])+$", "regexp:(.*)(.*)(.*)(.*)(.*)[0-9]b",
    "glob:" + "*a" * 500 + "b", "semver:" + "1 - " * 100 + "1", ">=" * 250, "1||" * 170, " " * 500 + "!", "YYYY" + ".MICRO" * 80,
)  # fmt: skip
LONG = (
    "1" * 20_000, "1." * 20_000, "1-" + "a-" * 20_000, "2024.4-" + "." * 20_000, "<" * 20_000, "a" * 20_000, "a" * 128 + "!", "aA" * 64,
    "1.0.0-" + "0" * 240, "1.0+" + "a." * 120, "v" * 200, "1!" * 100, "20240101T" * 25, "rc" * 100, "\ud800" * 50,
    "é" * 5_000, "١.٢.٣", "\x00",
)  # fmt: skip
texts = st.text("0123456789.v-+_abcrxYMD!*eE ٣²\n", max_size=30) | st.text(max_size=300) | st.sampled_from(LONG)


def test_every_dialect_is_there() -> None:
    assert RULES.keys() == DIALECTS.keys()


@pytest.mark.parametrize(("dialect", "rule"), ALL)
@given(tags=st.lists(texts, max_size=12), current=texts)
def test_tags(dialect: Dialect, rule: str, tags: list[str], current: str) -> None:
    compiled = DIALECTS[dialect](rule, current=current)
    keys = [reading.key for tag in tags if (reading := compiled.read(tag, Tag(name=tag))).key is not None]
    assert all((one < other) + (one == other) + (one > other) == 1 for one in keys for other in keys)


@pytest.mark.parametrize("dialect", DIALECTS)
@given(rule=texts | st.text("0123456789.<>=!|,* ~^xYMD-", max_size=40) | st.sampled_from(HOSTILE_RULES), current=texts)
def test_rules(dialect: Dialect, rule: str, current: str) -> None:
    try:
        compiled = DIALECTS[dialect](rule, current=current)
    except InvalidRange:
        return
    assert compiled.read("2024.4", Tag(name="2024.4"))


@pytest.mark.parametrize(("dialect", "rule"), ALL)
def test_long_tags_cost_little(dialect: Dialect, rule: str) -> None:
    for text in LONG:
        compile_rule: CompileRule = DIALECTS[dialect]
        compile_rule(rule, current=text).read(text, Tag(name=text))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_hostile_rules_cost_little(dialect: Dialect) -> None:
    for rule in (*HOSTILE_RULES, *LONG):
        compile_rule = partial(DIALECTS[dialect], current="1.0.0")
        try:
            compiled = compile_rule(rule)
        except InvalidRange:
            continue
        for text in LONG:
            compiled.read(text, Tag(name=text))


@pytest.mark.parametrize("pattern", [rule for rule in HOSTILE_RULES if rule.startswith(("regexp:", "glob:"))])
def test_hostile_patterns_cost_little(pattern: str) -> None:
    compiled = compile_pattern(pattern)
    for text in LONG:
        compiled.matches(text)
        compiled.expand(text, "$0$1${2}" * 100)
