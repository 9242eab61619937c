"""Labels and what selects by them."""

import pytest

from control_plane.domain.errors import InvalidInput
from control_plane.domain.labels import Term, labels_text, parse_labels, parse_selector


def test_labels_are_read_as_people_write_them():
    assert parse_labels("tier=gold, region=eu,,example.org/zone=a ") == {
        "example.org/zone": "a",
        "region": "eu",
        "tier": "gold",
    }
    assert parse_labels("") == {}
    assert parse_labels(labels_text({"b": "2", "a": "1"})) == {"a": "1", "b": "2"}
    assert parse_labels("empty=") == {"empty": ""}


@pytest.mark.parametrize("text", ["region", "a=b=c", "=x", "a=ä", "-a=b", "a=b,a=c", "a b=c", "x" * 64 + "=a", 'a="b"'])
def test_what_is_no_label_is_refused_with_an_example(text):
    with pytest.raises(InvalidInput) as caught:
        parse_labels(text)
    assert "region=eu" in caught.value.mistakes[0].hint


@pytest.mark.parametrize(
    ("selector", "labels", "holds"),
    [
        ("region=eu", {"region": "eu"}, True),
        ("region==eu", {"region": "us"}, False),
        ("region!=eu", {}, True),
        ("region", {"region": ""}, True),
        ("!region", {"region": ""}, False),
        ("region=eu, !test", {"region": "eu", "test": "1"}, False),
        ("", {}, True),
    ],
)
def test_every_term_has_to_hold(selector, labels, holds):
    assert all(term.holds(labels) for term in parse_selector(selector)) is holds


def test_terms_are_read():
    assert parse_selector("a!=b, c") == (Term("differs", "a", "b"), Term("has", "c"))
    with pytest.raises(InvalidInput):
        parse_selector("a in (b)")
