"""Comparisons of lists of numbers."""

import pytest

from control_plane.domain.versions.comparisons import natural, parse_comparisons
from control_plane.domain.versions.ranges import InvalidRange


def operand(text: str) -> tuple[int, ...]:
    if not text.replace(".", "").isdecimal():
        raise InvalidRange(text)
    return tuple(map(int, text.split(".")))


@pytest.mark.parametrize(
    ("rule", "numbers", "refusal"),
    [
        ("*", (1,), ""),
        ("", (1, 2), ""),
        ("3.7", (3, 7, 5), ""),
        ("3.7", (3, 8), "newer than 3.7 allows"),
        ("=3.7", (3, 6), "older than =3.7 allows"),
        (">=3.7 <4", (3, 10), ""),
        (">=3.7, <4", (4, 0), "newer than <4 allows"),
        (">= 3.7,<4", (3, 6, 9), "older than >=3.7 allows"),
        (">3.7", (3, 7, 9), "older than >3.7 allows"),
        ("<=3.7", (3, 7, 9), ""),
        ("!=3.8", (3, 8, 1), "excluded by !=3.8"),
        ("!=3.8", (3, 9), ""),
        (">=3.7", (3,), "too few numbers"),
        ("<4.1", (3,), ""),
        ("3.7 || 3.9", (3, 9, 1), ""),
        ("3.7 || 3.9", (3, 8), "older than 3.9 allows"),
    ],
)
def test_refusals(rule: str, numbers: tuple[int, ...], refusal: str) -> None:
    found = parse_comparisons(rule, operand).refusal(numbers)
    assert refusal in found
    assert bool(found) == bool(refusal)


@pytest.mark.parametrize("rule", [">=", "3.7 ||", "|| 3", "~3.7", "^3", "3.7 - 3.9", "latest", ">=3 " * 200, ">=>3"])
def test_bad_rules(rule: str) -> None:
    with pytest.raises(InvalidRange):
        parse_comparisons(rule, operand)


def test_natural_order() -> None:
    assert sorted(["rc10", "rc9", "b2", "", "rc"], key=natural) == ["", "b2", "rc", "rc9", "rc10"]
