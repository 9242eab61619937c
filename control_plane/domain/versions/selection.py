"""Which tag of an upstream is wanted, and why each of the others is not. PURE: independent of the list's order.

A policy here is a Helm range; ``explain`` gives every tag one reason, ``choose`` only the newest that matches.
"""

from collections.abc import Iterable

import msgspec

from control_plane.domain.versions.helm import version_of_tag
from control_plane.domain.versions.ranges import Range
from control_plane.domain.versions.semver import InvalidVersion, Version, parse


class Policy(msgspec.Struct, frozen=True):
    """What is wanted of an upstream's tags. ``charts``: the tags are of Helm charts, where ``_`` stands for ``+``."""

    accepted: Range
    charts: bool = False


class Verdict(msgspec.Struct, frozen=True):
    """What the policy makes of one tag. ``version`` is empty where the tag is none."""

    tag: str
    version: str
    matches: bool
    chosen: bool
    reason: str


class Choice(msgspec.Struct, frozen=True):
    """The tag to take and the version it stands for (normalised: ``v1.2`` is ``1.2.0``)."""

    tag: str
    version: str


def choose(policy: Policy, tags: Iterable[str]) -> Choice | None:
    """Return the newest tag that satisfies the policy, or None."""
    best: Version | None = None
    for tag in tags:
        version, refusal = _judge(policy, tag)
        if version is not None and not refusal and (best is None or _rank(version) > _rank(best)):
            best = version
    return None if best is None else Choice(_tag(policy, best), str(best))


def explain(policy: Policy, tags: Iterable[str]) -> tuple[Verdict, ...]:
    """Return a verdict for every tag: the newest first, then what is no version, by name."""
    judged = [(tag, *_judge(policy, tag)) for tag in set(tags)]
    versions = sorted(
        ((tag, version, why) for tag, version, why in judged if version), key=lambda row: _rank(row[1]), reverse=True
    )
    best = next((version for _, version, why in versions if not why), None)
    return (
        *(_verdict(tag, version, why, best) for tag, version, why in versions),
        *(
            Verdict(tag, "", False, False, why)
            for tag, version, why in sorted(judged, key=lambda row: row[0])
            if not version
        ),
    )


def _judge(policy: Policy, tag: str) -> tuple[Version | None, str]:
    """Return the version that ``tag`` stands for (None: it is none) and why it is not wanted ("": it is)."""
    try:
        version = parse(version_of_tag(tag) if policy.charts else tag)
    except InvalidVersion as error:
        return None, str(error)
    return version, policy.accepted.refusal(version)


def _rank(version: Version) -> tuple[object, ...]:
    """Order of choice: newer; among equals the fully written one (``2.2.0`` before the moving ``2.2``), then by text."""
    return (
        version.key,
        version.original.partition("-")[0].count("."),
        not version.original.startswith("v"),
        version.original,
    )


def _tag(policy: Policy, version: Version) -> str:
    return version.original.replace("+", "_") if policy.charts else version.original


def _verdict(tag: str, version: Version, refusal: str, best: Version | None) -> Verdict:
    if refusal:
        return Verdict(tag, str(version), False, False, refusal)
    if version is best:
        return Verdict(tag, str(version), True, True, "the newest that matches")
    if best is not None and version == best:
        return Verdict(
            tag, str(version), True, False, f"the same version as {best.original}, which is written more fully"
        )
    return Verdict(tag, str(version), True, False, f"matches, but {best} is newer")
