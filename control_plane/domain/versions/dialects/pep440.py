"""Python's versions and specifiers (PEP 440): ``~=1.4.2``, ``>=2,!=2.1.*``, ``==1.0.post1``. PURE.

The library of Python's own packaging reads and compares them. Pre-releases count only where the specifier names one.
"""

from contextlib import suppress
from functools import lru_cache

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from control_plane.domain.versions.dialects.helm import REMEMBERED, refused
from control_plane.domain.versions.families import family_of
from control_plane.domain.versions.policy import Reading, Rule, Tag
from control_plane.domain.versions.ranges import InvalidRange
from control_plane.domain.versions.semver import Key

MAX_LENGTH = 256  # characters of a version; of a specifier twice as many
_EPOCH = 1 << 32  # a new epoch is a new major number, whatever its numbers are


class SpecifierRule(msgspec.Struct, frozen=True):
    """A set of specifiers, compiled. ``prereleases``: those inside are wanted; one of the specifiers names one."""

    accepted: SpecifierSet
    prereleases: bool

    def with_prereleases(self) -> "SpecifierRule":
        """Return the same rule that wants pre-releases too."""
        return SpecifierRule(self.accepted, prereleases=True)

    def read(self, text: str, tag: Tag) -> Reading:  # noqa: ARG002 - all is in the text
        """Return the version's order and whether every specifier wants it."""
        version, reading = read_version(text)
        refusal = self._refusal(version) if version is not None else ""
        return refused(reading, refusal) if refusal else reading

    def _refusal(self, version: Version) -> str:
        if version.is_prerelease and not self.prereleases:
            return "a pre-release, and the specifier does not ask for them"
        if self.accepted.contains(version, prereleases=True):
            return ""
        return next(f"outside {one}" for one in self.accepted if not one.contains(version, prereleases=True))


def compile_specifier(rule: str, *, current: str) -> Rule:  # noqa: ARG001 - specifiers do not depend on what is followed now
    """Return the rule that ``rule``, specifiers between commas, makes; ``*`` or nothing wants any release. Raises ``InvalidRange``."""
    accepted = parse_specifiers("" if rule.strip() == "*" else rule)
    return SpecifierRule(accepted, bool(accepted.prereleases))


def parse_specifiers(text: str) -> SpecifierSet:
    """Read specifiers between commas. Raises ``InvalidRange``."""
    if len(text) > 2 * MAX_LENGTH:
        raise InvalidRange(f"a specifier has at most {2 * MAX_LENGTH} characters")
    is_ascii = text.strip().isascii()  # the library reads some others (a long s in poſt) that it then cannot compare by
    with suppress(InvalidSpecifier):
        if is_ascii:
            return SpecifierSet(text)
    raise InvalidRange(f"{text[:80]!r} is no specifier of PEP 440 (such as >=2.1,<3 or ~=1.4.2)")


def parse_version(text: str) -> Version:
    """Read a version. Raises ``packaging``'s ``InvalidVersion``, a ``ValueError``."""
    if len(text) > MAX_LENGTH or not text.strip().isascii():
        raise InvalidVersion(f"a version has at most {MAX_LENGTH} characters, all ASCII")
    return Version(text)


@lru_cache(REMEMBERED)
def read_version(text: str) -> tuple[Version | None, Reading]:
    """Return the version that ``text`` writes (None: it is none), and its reading where nothing refuses it."""
    try:
        version = parse_version(text)
    except InvalidVersion:
        return None, Reading(key=None, refusal=f"{text[:80]!r} is no version by PEP 440")
    return version, Reading(
        key=order_key(version),
        version=str(version),
        prerelease=version.is_prerelease,
        major=version.epoch * _EPOCH + version.major,
        family=family_of(version.local or ""),
    )


def order_key(version: Version) -> Key:
    """Return PEP 440's order as plain tuples: comparing ``Version``s runs Python code for each of a list's comparisons."""
    release = list(version.release)
    while release and release[-1] == 0:
        release.pop()
    is_only_dev = version.pre is None and version.post is None and version.dev is not None
    pre = (1, *version.pre) if version.pre is not None else (0,) if is_only_dev else (2,)
    post = -1 if version.post is None else version.post
    dev = (1,) if version.dev is None else (0, version.dev)
    local = tuple(
        [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in (version.local or "").split(".") if part]
    )
    return version.epoch, tuple(release), pre, post, dev, local
