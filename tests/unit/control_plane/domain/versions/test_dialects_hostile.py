"""No text, tag or rule, makes one of these dialects raise anything but ``InvalidRange``; every order is total."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.domain.versions.dialects import calendar, docker, flux, helm, pep440
from control_plane.domain.versions.policy import CompileRule, Tag
from control_plane.domain.versions.ranges import InvalidRange

RULES: dict[str, tuple[CompileRule, str]] = {
    "helm": (helm.compile_range, "*"),
    "flux-semver": (flux.compile_semver, ">=0"),
    "flux-alphabetical": (flux.compile_alphabetical, "*"),
    "flux-numerical": (flux.compile_numerical, "*"),
    "pep440": (pep440.compile_specifier, ">=1"),
    "calendar": (calendar.compile_format, "YYYY.MM-MODIFIER"),
    "docker": (docker.compile_family, ">=1 <4"),
}
texts = st.text("0123456789.v-+_abcrxYMD!*eE ٣²\n", max_size=30) | st.text(max_size=300)


@pytest.mark.parametrize("dialect", RULES)
@given(tags=st.lists(texts, max_size=12), current=texts)
def test_tags(dialect: str, tags: list[str], current: str) -> None:
    compile_rule, rule = RULES[dialect]
    compiled = compile_rule(rule, current=current)
    keys = [reading.key for tag in tags if (reading := compiled.read(tag, Tag(name=tag))).key is not None]
    backwards = keys[::-1]
    assert sorted(keys) == sorted(backwards)


@pytest.mark.parametrize("dialect", RULES)
@given(rule=texts | st.text("0123456789.<>=!|,* ~^xYMD-", max_size=40))
def test_rules(dialect: str, rule: str) -> None:
    compile_rule = partial(RULES[dialect][0], current="")
    try:
        compiled = compile_rule(rule)
    except InvalidRange:
        return
    assert compiled.read("2024.4", Tag(name="2024.4"))


@pytest.mark.parametrize("dialect", RULES)
def test_long_texts_cost_little(dialect: str) -> None:
    compile_rule, rule = RULES[dialect]
    for text in ("1" * 20_000, "1." * 20_000, "1-" + "a-" * 20_000, "2024.4-" + "." * 20_000, "<" * 20_000):
        compile_rule(rule, current=text).read(text, Tag(name=text))
        with pytest.raises(InvalidRange):
            compile_rule(text, current="")
