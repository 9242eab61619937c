"""Calendar versions: formats, dates that are some, order, comparisons."""

import pytest

from control_plane.domain.versions.dialects.calendar import compile_format
from control_plane.domain.versions.policy import Reading, Tag, TakesPrereleases
from control_plane.domain.versions.ranges import InvalidRange


def read(rule: str, text: str) -> Reading:
    compiled = compile_format(rule, current="")
    assert isinstance(compiled, TakesPrereleases)
    return compiled.with_prereleases().read(text, Tag(name=text))


@pytest.mark.parametrize(
    ("rule", "text", "is_version"),
    [
        ("YYYY.0M.MICRO", "2024.04.1", True),
        ("YYYY.0M.MICRO", "v2024.04.1", True),
        ("YYYY.0M.MICRO", "2024.4.1", False),
        ("YYYY.0M.MICRO", "2024.13.1", False),
        ("YYYY.0M.MICRO", "2024.00.1", False),
        ("YYYY.0M.MICRO", "2024.04", False),
        ("YYYY.MM", "2024.4", True),
        ("YYYY.MM", "2024.04", False),
        ("YYYY.MM", "2024.0", False),
        ("YY.0M", "24.04", True),
        ("YY.0M", "6.10", True),
        ("0Y.0M", "06.10", True),
        ("0Y.0M", "6.10", False),
        ("YY.MM", "24.12", True),
        ("YYYY.MM.DD", "2024.2.29", True),
        ("YYYY.MM.DD", "2023.2.29", False),
        ("YYYY.MM.DD", "2024.4.31", False),
        ("YYYY.MM.DD", "2024.4.0", False),
        ("YYYY0M0D", "20240131", True),
        ("YYYY0M0D", "20240230", False),
        ("YYYY-0M-0D", "2024-01-31", True),
        ("YYYY.MM.DD-MODIFIER", "2024.4.5", True),
        ("YYYY.MM.DD-MODIFIER", "2024.4.5-rc1", True),
        ("YYYY.MM.DD-MODIFIER", "2024.4.5-", False),
        ("YYYY.MMMODIFIER", "2024.11rc1", True),
        ("YYYY.0W", "2024.53", True),
        ("YYYY.WW", "2024.54", False),
        ("YY.MINOR.MICRO", "24.0.1", True),
        ("MAJOR.YYYY.MM", "3.2024.4", True),
        ("vYYYY.MM", "v2024.4", True),
        ("YYYY.MM", "latest", False),
        ("YYYY.MM", "٢٠٢٤.4", False),
    ],
)
def test_what_is_a_version(rule: str, text: str, is_version: bool) -> None:
    reading = read(rule, text)
    assert (reading.key is not None) is is_version
    assert bool(reading.refusal) is not is_version


def test_order() -> None:
    texts = ["2023.12.9", "2024.1.1-rc9", "2024.1.1-rc10", "2024.1.1", "2024.1.1-post1", "2024.9.30", "2024.10.1"]
    assert sorted(sorted(texts), key=lambda text: read("YYYY.MM.DD-MODIFIER", text).key or ()) == texts


def test_reading() -> None:
    early, variant = read("YYYY.MM-MODIFIER", "2024.4-rc1"), read("YYYY.MM-MODIFIER", "v2024.4-alpine3.19")
    assert (early.prerelease, early.family) == (True, "")
    assert (variant.prerelease, variant.family, variant.version) == (False, "alpine3.19", "2024.4-alpine3.19")
    assert read("MAJOR.YYYY.MM", "3.2024.4").major == 3
    assert early.major is None


@pytest.mark.parametrize(
    ("rule", "text", "refusal"),
    [
        ("YYYY.0M >=2024.04", "2024.04", ""),
        ("YYYY.0M >=2024.04", "2024.03", "older than >=2024.04 allows"),
        ("YYYY.0M.MICRO >=2024.04 <2025", "2025.01.0", "newer than <2025 allows"),
        ("YYYY.0M.MICRO 2024", "2024.12.7", ""),
        ("YY.0M !=24.10", "24.10", "excluded"),
        ("YY.0M-MODIFIER <=24.04", "24.04-rc1", ""),
    ],
)
def test_comparisons(rule: str, text: str, refusal: str) -> None:
    assert refusal in read(rule, text).refusal
    assert bool(read(rule, text).refusal) == bool(refusal)


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("", "cannot read"),
        ("*", "cannot read"),
        ("YYYY.QQ", "cannot read 'QQ'"),
        ("MAJOR.MINOR", "names no year"),
        ("MM.YYYY", "another order"),
        ("YYYY.MM.0M", "a part twice"),
        ("YYYY.YY", "a part twice"),
        ("YYYY.MODIFIER.MM", "behind its modifier"),
        ("YYYY.MICROMINOR", "no separator"),
        ("YYYY.0M >=2024.4", "is not written as YYYY.0M says"),
        ("YYYY.0M-MODIFIER >=2024.04-rc1", "is not written as"),
        ("YYYY.0M >=24.04", "is not written as"),
        ("YYYY.0M ~2024.04", "is not written as"),
        ("YYYY.0M >=", "cannot read"),
    ],
)
def test_bad_rules(rule: str, why: str) -> None:
    with pytest.raises(InvalidRange, match=why):
        compile_format(rule, current="")


@pytest.mark.parametrize(
    ("current", "refusal"), [("", "a pre-release"), ("2024.4", "a pre-release"), ("2024.4-rc1", "")]
)
def test_only_a_prerelease_is_followed_by_one(current: str, refusal: str) -> None:
    reading = compile_format("YYYY.MM-MODIFIER", current=current).read("2024.5-rc1", Tag(name="2024.5-rc1"))
    assert refusal in reading.refusal
    assert bool(reading.refusal) == bool(refusal)
