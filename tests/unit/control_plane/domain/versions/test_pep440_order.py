"""Plain tuples order versions of Python as ``packaging`` does, and a rule wants what its specifiers do."""

from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from control_plane.domain.versions.dialects.pep440 import SpecifierRule, compile_specifier, order_key
from control_plane.domain.versions.policy import Tag

RELEASE = r"[0-2](\.[0-2]){0,3}"
TEXT = rf"([01]!)?{RELEASE}((a|b|rc)[0-2])?(\.post[0-2])?(\.dev[0-2])?"
versions = st.from_regex(rf"\A{TEXT}(\+[ab0-2]{{1,2}}(\.[ab0-2]{{1,2}})?)?\Z").map(Version)
texts = st.from_regex(rf"\Av?{RELEASE}\Z") | st.from_regex(rf"\A{TEXT}\Z")
operands = st.from_regex(rf"\A{RELEASE}\Z") | st.from_regex(rf"\A{RELEASE}\.\*\Z") | st.from_regex(rf"\A{TEXT}\Z")
specifiers = st.lists(
    st.tuples(st.sampled_from([">=", "<=", ">", "<", "==", "!=", "~=", "==="]), operands).map("".join), max_size=3
).map(",".join)


@given(versions, versions)
def test_the_order_is_packagings(one: Version, other: Version) -> None:
    keys = order_key(one), order_key(other)
    assert (keys[0] < keys[1], keys[0] == keys[1]) == (one < other, one == other)


@given(specifiers, texts)
def test_a_rule_reads_as_packaging_does(specifier: str, text: str) -> None:
    try:
        wanted, rule = SpecifierSet(specifier), compile_specifier(specifier, current="")
    except (InvalidSpecifier, ValueError):
        return
    assert isinstance(rule, SpecifierRule)
    version, reading = Version(text), rule.with_prereleases().read(text, Tag(name=text))
    asked = text if "===" in specifier else version  # which is about the very text
    assert (reading.refusal == "") is wanted.contains(asked, prereleases=True)
    assert (reading.key, reading.version, reading.prerelease) == (
        order_key(version),
        str(version),
        version.is_prerelease,
    )
