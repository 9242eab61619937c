"""Keel's policies: ``all``, ``major``, ``minor``, ``patch``, ``force``, ``glob:…``, ``regexp:…``. PURE.

``major``, ``minor`` and ``patch`` say how far a version may be from what runs now. A ``regexp:`` with a group named ``compare`` orders by
what that group matches, else by the whole tag; both as texts. Pre-release words stay the same (``keel.sh/matchPreRelease``), unless the
policy is ``all`` or pre-releases are allowed. ``force`` takes any tag, a version that is older never.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, get_args

import msgspec

from control_plane.domain.versions.families import family_of, is_early, traits_of
from control_plane.domain.versions.patterns import Pattern, compile_pattern
from control_plane.domain.versions.policy import Reading, Rule, Tag
from control_plane.domain.versions.ranges import InvalidRange
from control_plane.domain.versions.semver import InvalidVersion, Key, Version, parse

Reach = Literal["all", "major", "minor", "patch"]
LATEST = "latest"
NAMES = ("keel.sh", "keel.observer")
TRIGGER = "keel.sh/trigger"
Trigger = Literal["poll", "webhook"]
FORMS = "all, major, minor, patch, force, glob:… or regexp:…"
NOT_ASKED = "a pre-release, and the policy does not ask for them"


class KeelPolicy(Protocol):
    """What Keel asks of a policy."""

    def should_update(self, current: str, candidate: str) -> bool:
        """Return whether ``candidate`` replaces ``current``. Raises ``InvalidVersion``."""

    def ordered(self, tags: Sequence[str]) -> list[str]:
        """Return the tags that may be taken at all, the best first."""


class Semver(msgspec.Struct, frozen=True):
    """``all``, ``major``, ``minor``, ``patch``. ``match_prerelease``: pre-release words have to stay the same (not with ``all``)."""

    reach: Reach
    match_prerelease: bool = True

    def should_update(self, current: str, candidate: str) -> bool:
        """See ``KeelPolicy``."""
        if current == LATEST:
            return True
        one, other = parse(current), read_version(candidate)
        return one < other and not self.beyond(one, other)

    @property
    def keeps_prerelease(self) -> bool:
        """Say whether pre-release words have to stay the same."""
        return self.match_prerelease and self.reach != "all"

    def beyond(self, current: Version, candidate: Version) -> str:
        """Return why a version is further away than the policy lets go, empty where it is not."""
        if self.keeps_prerelease and current.pre != candidate.pre:
            what = "pre-release" if is_early(candidate.pre or current.pre) else "variant"
            return f"another {what} than {current.original}'s"
        if self.reach in ("minor", "patch") and candidate.major != current.major:
            return f"another major than {current.original}'s, and the policy is {self.reach}"
        if self.reach == "patch" and candidate.minor != current.minor:
            return f"another minor than {current.original}'s, and the policy is patch"
        return ""

    def ordered(self, tags: Sequence[str]) -> list[str]:
        """See ``KeelPolicy``."""
        versions = [version for tag in tags if (version := _version(tag)) is not None]
        return [version.original for version in sorted(versions, reverse=True)]


class Force(msgspec.Struct, frozen=True):
    """Any tag; with ``match_tag`` only the very one that runs now. Of two versions only the newer replaces the other."""

    match_tag: bool = False

    def should_update(self, current: str, candidate: str) -> bool:
        """See ``KeelPolicy``."""
        if self.match_tag or current == candidate:
            return current == candidate
        one, other = _lenient(current), _lenient(candidate)
        return one is None or other is None or one < other

    def ordered(self, tags: Sequence[str]) -> list[str]:
        """Versions first, the newest before the others; what is no version stays in the registry's order."""
        versions = sorted((found for tag in tags if (found := _lenient(tag)) is not None), reverse=True)
        return [version.original for version in versions] + [tag for tag in tags if _lenient(tag) is None]


class ByPattern(msgspec.Struct, frozen=True):
    """``glob:`` and ``regexp:``: tags that match, the last in the alphabet first."""

    pattern: Pattern

    def should_update(self, current: str, candidate: str) -> bool:
        """See ``KeelPolicy``. A ``glob:`` wants a tag after ``current`` in the alphabet; a ``regexp:`` takes any that matches."""
        is_after = candidate > current or self.pattern.text.startswith("regexp:")
        return is_after and self.matches(candidate)

    def ordered(self, tags: Sequence[str]) -> list[str]:
        """See ``KeelPolicy``."""
        return sorted(filter(self.matches, tags), key=self.sort_key, reverse=True)

    def matches(self, tag: str) -> bool:
        """Return whether a tag matches."""
        return self.pattern.matches(tag)

    def sort_key(self, tag: str) -> str:
        """Return what a tag that matches is ordered by: the group ``compare``, empty where it has no part in the match."""
        return self.pattern.expand(tag, "${compare}") or "" if "compare" in self.pattern.groups else tag


def parse_policy(text: str, *, match_prerelease: bool = True, match_tag: bool = False) -> KeelPolicy:
    """Return the policy that a text names. Raises ``InvalidRange``."""
    if text in get_args(Reach):
        return Semver(text, match_prerelease)  # type: ignore[arg-type]  # the line above has narrowed it
    if text == "force":
        return Force(match_tag)
    if text.startswith(("glob:", "regexp:")):
        return ByPattern(compile_pattern(text))
    raise InvalidRange(f"{text[:80]!r} is no policy of Keel's: {FORMS}")


def select(policy: KeelPolicy, current: str, tags: Sequence[str]) -> str:
    """Return the best tag that replaces ``current``, which stays where none does.

    A newer major does not hide the minor that a policy would take.
    """
    return next((tag for tag in policy.ordered(tags) if _replaces(policy, current, tag)), current)


def _replaces(policy: KeelPolicy, current: str, tag: str) -> bool:
    try:
        return policy.should_update(current, tag)
    except InvalidVersion:
        return False


def policy_of_metadata(labels: Mapping[str, str], annotations: Mapping[str, str]) -> tuple[str, bool] | None:
    """Return the policy that Kubernetes metadata names and whether pre-releases must match; annotations go before labels."""
    for given in (annotations, labels):
        for name in NAMES:
            if (policy := given.get(f"{name}/policy")) is not None:
                return policy, given.get("keel.sh/matchPreRelease", "true") == "true"
    return None


def trigger_of_metadata(labels: Mapping[str, str], annotations: Mapping[str, str]) -> Trigger:
    """Return what makes Keel look: annotations go before labels; whatever is not ``poll`` is a webhook, as is nothing."""
    given = annotations if TRIGGER in annotations else labels
    return "poll" if given.get(TRIGGER) == "poll" else "webhook"


def read_version(text: str) -> Version:
    """Return a version as Keel reads it: at least major and minor. Raises ``InvalidVersion``."""
    if "." not in text:
        raise InvalidVersion(f"{text[:80]!r} has no major.minor.patch")
    return parse(text)


def _version(text: str) -> Version | None:
    try:
        return read_version(text)
    except InvalidVersion:
        return None


def _lenient(text: str) -> Version | None:
    try:
        return parse(text)
    except InvalidVersion:
        return None


class SemverRule(msgspec.Struct, frozen=True):
    """A semver policy where ``current`` runs; None before the first version, and where what runs is none."""

    policy: Semver
    current: Version | None

    def with_prereleases(self) -> "SemverRule":
        """Return the same rule for releases and pre-releases."""
        return SemverRule(Semver(self.policy.reach, match_prerelease=False), self.current)

    def read(self, text: str, tag: Tag) -> Reading:  # noqa: ARG002 - all is in the text
        """Return the version's order and whether it is within reach."""
        version = _version(text)
        if version is None:
            return Reading(key=None, refusal=f"{text[:80]!r} is no version with major and minor")
        return _reading(version.key, version, self._refusal(version))

    def _refusal(self, version: Version) -> str:
        if self.current is None:
            return NOT_ASKED if version.pre and self.policy.keeps_prerelease and is_early(version.pre) else ""
        return "" if version.original == self.current.original else self.policy.beyond(self.current, version)


def _reading(key: Key, version: Version, refusal: str = "") -> Reading:
    pre, major = version.pre, version.major
    if not pre:
        return Reading(key, str(version), refusal, False, major, "")
    return Reading(key, str(version), refusal, is_early(pre), major, family_of(pre))


class ForceRule(msgspec.Struct, frozen=True):
    """Any tag: versions above what is none. The others have no order, so of them the one that is followed stays."""

    def read(self, text: str, tag: Tag) -> Reading:  # noqa: ARG002 - all is in the text
        """Return the tag's order."""
        version = _lenient(text)
        return Reading(key=(0,), version=text) if version is None else _reading((1, version.key), version)


class PatternRule(msgspec.Struct, frozen=True):
    """Tags that match, in the order of the alphabet."""

    policy: ByPattern

    def read(self, text: str, tag: Tag) -> Reading:  # noqa: ARG002 - all is in the text
        """Return the tag's place in the alphabet; one that does not match has none."""
        if not self.policy.matches(text):
            return Reading(key=None, refusal=f"does not match {self.policy.pattern.text}")
        return Reading((self.policy.sort_key(text),), text, "", *traits_of(text))


def compile_policy(rule: str, *, current: str) -> Rule:
    """Return the rule of a policy; ``*`` is ``all``. Raises ``InvalidRange``."""
    policy = parse_policy("all" if rule == "*" else rule)
    if isinstance(policy, Semver):
        return SemverRule(policy, _version(current) if current else None)
    return PatternRule(policy) if isinstance(policy, ByPattern) else ForceRule()
