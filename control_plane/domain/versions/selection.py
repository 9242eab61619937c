"""Which tag of an upstream is wanted, and why each of the others is not. PURE: independent of the list's order.

A policy here is a Helm range; ``explain`` gives every tag one reason, ``choose`` only the newest that matches.
"""

from collections.abc import Iterable
from operator import itemgetter

import msgspec

from control_plane.domain.versions.helm import version_of_tag
from control_plane.domain.versions.ranges import Range
from control_plane.domain.versions.semver import InvalidVersion, Version, parse


class Policy(msgspec.Struct, frozen=True):
    """What is wanted of an upstream's tags. ``charts``: the tags are of Helm charts, where ``_`` stands for ``+``."""

    accepted: Range
    charts: bool = False


class Verdict(msgspec.Struct, frozen=True, gc=False):
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
        if version is None or refusal or (best is not None and version.key < best.key):
            continue
        if best is None or _rank(version) > _rank(best):
            best = version
    return None if best is None else Choice(_tag(policy, best), str(best))


def explain(policy: Policy, tags: Iterable[str]) -> tuple[Verdict, ...]:
    """Return a verdict for every tag: the newest first, then what is no version, by name."""
    versions: list[tuple[tuple[object, ...], str, Version, str]] = []
    others: list[Verdict] = []
    for tag in set(tags):
        version, why = _judge(policy, tag)
        if version is None:
            others.append(Verdict(tag, "", False, False, why))
        else:
            versions.append((_rank(version), tag, version, why))
    versions.sort(key=itemgetter(0), reverse=True)
    best = next((version for _, _, version, why in versions if not why), None)
    older = f"matches, but {best} is newer"
    return (
        *[
            Verdict(tag, str(version), not why, version is best, why or _reason(version, best, older))
            for _, tag, version, why in versions
        ],
        *sorted(others, key=lambda verdict: verdict.tag),
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
    text = version.original
    return version.key, text.count("."), text[0] != "v", text


def _tag(policy: Policy, version: Version) -> str:
    return version.original.replace("+", "_") if policy.charts else version.original


def _reason(version: Version, best: Version | None, older: str) -> str:
    """Return why a version that matches was chosen, or was not."""
    if version is best or best is None:
        return "the newest that matches"
    return older if version.key < best.key else f"the same version as {best.original}, which is written more fully"
