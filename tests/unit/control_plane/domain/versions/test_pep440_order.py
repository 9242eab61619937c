"""Plain tuples order versions of Python as ``packaging`` does."""

from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from control_plane.domain.versions.dialects.pep440 import order_key

versions = st.from_regex(
    r"\A([01]!)?[0-2](\.[0-2]){0,3}((a|b|rc)[0-2])?(\.post[0-2])?(\.dev[0-2])?(\+[ab0-2]{1,2}(\.[ab0-2]{1,2})?)?\Z"
).map(Version)


@given(versions, versions)
def test_the_order_is_packagings(one: Version, other: Version) -> None:
    keys = order_key(one), order_key(other)
    assert (keys[0] < keys[1], keys[0] == keys[1]) == (one < other, one == other)
