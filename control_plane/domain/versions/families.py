"""Variant families: what of a version's suffix must stay the same from version to version (``alpine``, ``debian-12``). PURE.

A suffix is read in pieces between hyphens. Words of a pre-release (``rc.1``), build revisions (``r4``), hashes and dates say
*when*, not *which variant*, so they are no part of the family: ``rc.1-alpine3.19`` is of the family ``alpine3.19``. A few
publishers count their builds in the variant's own name (``k3s1``, ``ce.0``): there the number is left off.
"""

import re
from functools import lru_cache
from typing import NamedTuple

EARLY = (
    "alpha", "beta", "rc", "cr", "pre", "preview", "prerelease", "dev", "develop", "snapshot", "nightly", "canary", "next",
    "milestone", "ea", "edge", "unstable", "experimental", "test", "testing", "a", "b", "c", "m",
)  # fmt: skip
LATE = (
    "post", "rev", "build", "hotfix", "patch", "ga", "final", "release", "stable", "p", "r", "sp", "incremental",
    "main", "master", "trunk", "head",
)  # fmt: skip
_NUMBERED = r"(?:[0-9]+|[.][0-9a-z.]*)?"  # of a text in small letters
_EARLY = re.compile(rf"(?:{'|'.join(EARLY)}){_NUMBERED}")
_MOMENT = re.compile(rf"(?:{'|'.join(EARLY + LATE)}){_NUMBERED}")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_DATE_OR_HASH = re.compile(r"[0-9]{6,}(?:[tT.][0-9]+)*[zZ]?|g?(?=[a-f]*[0-9])[0-9a-f]{7,64}")
_MAJOR_DIGITS = 5  # a number with more is a date or counts builds
_VERSION_LIKE = re.compile(r"v?([0-9]+)(\.[0-9.]*[0-9])?(?:[-+_](.*)|([a-z]+[0-9]*))?", re.DOTALL)
_COUNTED = re.compile(r"(k3s|rke2r|ce|ee|ls)\.?[0-9]+")


@lru_cache(4_096)
def family_of(suffix: str) -> str:
    """Return the family that ``suffix`` (what follows the numbers, without its hyphen) names; empty for none."""
    kept: list[str] = []
    for piece in suffix.split("-"):
        if not piece or _MOMENT.fullmatch(piece.lower()) or _DATE_OR_HASH.fullmatch(piece):
            continue
        if _NUMBER.fullmatch(piece) and not kept:  # `rc-1`, `0.3.7`: a number by itself names no variant
            continue
        counted = _COUNTED.fullmatch(piece)
        kept.append(counted[1] if counted else piece)
    return "-".join(kept)


def is_early(suffix: str) -> bool:
    """Return whether a version with ``suffix`` is before a release: it says so, or it names no variant (as ``alpine`` does)."""
    return not family_of(suffix) or is_prerelease(suffix)


@lru_cache(4_096)
def is_prerelease(suffix: str) -> bool:
    """Return whether a piece of ``suffix`` says that it is before a release (``rc.1``, ``SNAPSHOT``)."""
    return any(_EARLY.fullmatch(piece) for piece in suffix.lower().split("-"))


class Traits(NamedTuple):
    """What the guards ask of a text that its dialect does not read as a version. See ``policy.Reading``."""

    prerelease: bool = False
    major: int | None = None
    family: str = ""


NO_TRAITS = Traits()


@lru_cache(8_192)
def traits_of(text: str) -> Traits:
    """Return what a text that looks like a version (numbers, then a suffix) says of itself; of any other text, nothing."""
    match = _VERSION_LIKE.fullmatch(text)
    if match is None:
        return NO_TRAITS
    first, more, suffix, glued = match.groups()
    major = int(first) if len(first) <= _MAJOR_DIGITS else None
    if glued:  # 3.3.0rc1; without a dot it may be a commit
        return Traits(is_prerelease(glued), major) if more else NO_TRAITS
    return Traits(is_prerelease(suffix), major, family_of(suffix)) if suffix else Traits(major=major)
