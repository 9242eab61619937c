"""How Helm reads tags, lists and chart references. Many more cases are in tests/conformance."""

import pytest

from control_plane.domain.versions import helm
from control_plane.domain.versions.ranges import InvalidRange
from control_plane.domain.versions.references import InvalidReference, Reference

DIGEST = "sha256:" + "0a" * 32


@pytest.mark.parametrize(
    ("text", "is_range"),
    [("1.2.3", False), ("v1", False), ("^1", True), ("1.x", True), ("1.2.3-rc.x", False), ("1 - 2", True), ("1 || 2", True), ("", False)],
)  # fmt: skip
def test_a_range_has_an_operator_or_a_wildcard(text: str, is_range: bool) -> None:
    assert helm.is_range(text) is is_range


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("2.0.0", "2.0.0"), ("", "2.1.0"), (">=2-0", "2.2.0-rc.1"), ("~1", "v1.9"), ("latest", "latest")],
)
def test_the_first_that_fits_is_taken(wanted: str, found: str) -> None:
    assert helm.first_match(["latest", "2.2.0-rc.1", "2.1.0", "2.0.0", "v1.9"], wanted) == found


@pytest.mark.parametrize("wanted", [">3", "", "nonsense"])
def test_where_nothing_fits_helm_says_so(wanted: str) -> None:
    with pytest.raises(InvalidRange):
        helm.first_match(["latest", "1.0.0-rc.1"], wanted)


def test_chart_references() -> None:
    read = Reference(domain="ghcr.io", path="a/chart", tag="1.0.0_b.1", digest=DIGEST)
    assert helm.split_chart_reference(f"oci://ghcr.io/a/chart:1.0.0+b.1@{DIGEST}") == read
    assert helm.split_chart_reference("localhost:5000/chart") == Reference(domain="localhost:5000", path="chart")


@pytest.mark.parametrize("text", ["chart", "oci://chart:1", f"h/c:1@{DIGEST}@{DIGEST}", "h/Chart:1", "http://h/c:1"])
def test_what_is_no_chart_reference_is_refused(text: str) -> None:
    with pytest.raises(InvalidReference):
        helm.split_chart_reference(text)
