"""PEP 440 as a policy."""

import pytest

from control_plane.domain.versions.dialects.pep440 import compile_specifier
from control_plane.domain.versions.policy import Reading, Tag, TakesPrereleases
from control_plane.domain.versions.ranges import InvalidRange


def read(rule: str, text: str) -> Reading:
    return compile_specifier(rule, current="").read(text, Tag(name=text))


@pytest.mark.parametrize(
    ("rule", "text", "refusal"),
    [
        ("*", "1.0", ""),
        ("", "1.0.post1", ""),
        ("*", "1.0rc1", "a pre-release"),
        ("*", "1.0.dev3", "a pre-release"),
        (">=1.0rc1", "1.0rc2", ""),
        ("~=1.4.2", "1.4.9", ""),
        ("~=1.4.2", "1.5", "outside ~=1.4.2"),
        (">=2,!=2.1.*", "2.1.7", "outside !=2.1.*"),
        (">=2,<3", "1.9", "outside >=2"),
        ("*", "1.0-alpine", "no version by PEP 440"),
        (" >=1 ", "1.0 ", ""),
        ("*", "1.0poſt1", "no version by PEP 440"),
        ("*", "1." + "0." * 200 + "1", "no version by PEP 440"),
    ],
)
def test_refusals(rule: str, text: str, refusal: str) -> None:
    assert refusal in read(rule, text).refusal
    assert bool(read(rule, text).refusal) == bool(refusal)


def test_reading() -> None:
    reading = read("*", "v1.0-1+cu118")
    assert (reading.version, reading.major, reading.family, reading.prerelease) == (
        "1.0.post1+cu118",
        1,
        "cu118",
        False,
    )


def test_order_and_epochs() -> None:
    texts = ["1.0.dev1", "1.0a1", "1.0rc1", "1.0", "1.0.post1", "1.1", "1!0.1"]
    assert sorted(texts, key=lambda text: read("*", text).key or ()) == texts
    newest, before = read("*", "1!0.1").major, read("*", "9.0").major
    assert newest is not None
    assert before is not None
    assert newest > before


@pytest.mark.parametrize("rule", ["=>2.0", "==", "~=1.2.3poſt1", "~=1", "2.0", ">=1.0," + "<9," * 300])
def test_bad_specifiers(rule: str) -> None:
    with pytest.raises(InvalidRange):
        compile_specifier(rule, current="")


def test_prereleases_can_be_allowed_beside_the_specifier() -> None:
    rule = compile_specifier(">=1", current="")
    assert isinstance(rule, TakesPrereleases)
    assert rule.with_prereleases().read("1.1rc1", Tag(name="1.1rc1")).refusal == ""
    assert rule.with_prereleases().read("0.9", Tag(name="0.9")).refusal == "outside >=1"
