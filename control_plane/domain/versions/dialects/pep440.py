"""Python's versions and specifiers (PEP 440): ``~=1.4.2``, ``>=2,!=2.1.*``, ``==1.0.post1``. PURE.

The library of Python's own packaging reads and compares them. Pre-releases count only where the specifier names one. What most tags
are, numbers alone, needs no library: they are compared as tuples, which is some times as fast.
"""

import operator
import re
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec
from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from control_plane.domain.versions.families import family_of
from control_plane.domain.versions.policy import Reading, Rule, Tag
from control_plane.domain.versions.ranges import InvalidRange
from control_plane.domain.versions.semver import Key

MAX_LENGTH = 256  # characters of a version; of a specifier twice as many
NOT_ASKED = "a pre-release, and the specifier does not ask for them"
_END = -1  # of the numbers of a release: 1 is before 1.0.1
_EPOCH = 1 << 32  # a new epoch is a new major number, whatever its numbers are
_RELEASE = re.compile(r"v?([0-9]{1,18}(?:\.[0-9]{1,18})*)")
_OPERATORS: dict[str, Callable[[Key, Key], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


class Part(msgspec.Struct, frozen=True):
    """One specifier. ``bounds``: what it says of releases, which are numbers alone; none where only the library knows."""

    specifier: Specifier
    bounds: tuple[tuple[Callable[[Key, Key], bool], Key], ...]

    def takes_release(self, key: Key, text: str) -> bool:
        """Return whether a release, by its key, is wanted."""
        for holds, bound in self.bounds:
            if not holds(key, bound):
                return False
        return bool(self.bounds) or self.takes(text, Version(text))

    def takes(self, text: str, version: Version) -> bool:
        """Return whether a version, also a pre-release, is wanted; ``===`` compares the very text."""
        return self.specifier.contains(text if self.specifier.operator == "===" else version, prereleases=True)


class SpecifierRule(msgspec.Struct, frozen=True):
    """Specifiers, compiled. ``prereleases``: those inside are wanted; one of the specifiers names one."""

    parts: tuple[Part, ...]
    prereleases: bool

    def with_prereleases(self) -> "SpecifierRule":
        """Return the same rule that wants pre-releases too."""
        return SpecifierRule(self.parts, prereleases=True)

    def read(self, text: str, tag: Tag) -> Reading:  # noqa: ARG002 - all is in the text
        """Return the version's order and whether every specifier wants it."""
        match = _RELEASE.fullmatch(text) if len(text) <= MAX_LENGTH else None
        return self._read_other(text) if match is None else self._read_release(text, match[1])

    def _read_release(self, text: str, written: str) -> Reading:
        numbers = list(map(int, written.split(".")))
        key, refusal = release_key(numbers), ""
        for part in self.parts:
            if not part.takes_release(key, text):
                refusal = f"outside {part.specifier}"
                break
        return Reading(key, ".".join(map(str, numbers)), refusal, False, numbers[0], "")

    def _read_other(self, text: str) -> Reading:
        try:
            version = parse_version(text)
        except InvalidVersion:
            return Reading(None, refusal=f"{text[:80]!r} is no version by PEP 440")
        early, major = version.is_prerelease, version.epoch * _EPOCH + version.major
        refusal = NOT_ASKED if early and not self.prereleases else ""
        refusal = refusal or next(
            (f"outside {one.specifier}" for one in self.parts if not one.takes(text, version)), ""
        )
        return Reading(order_key(version), str(version), refusal, early, major, family_of(version.local or ""))


def compile_specifier(rule: str, *, current: str) -> Rule:  # noqa: ARG001 - specifiers do not depend on what is followed now
    """Return the rule that ``rule``, specifiers between commas, makes; ``*`` or nothing wants any release. Raises ``InvalidRange``."""
    accepted = parse_specifiers("" if rule.strip() == "*" else rule)
    return SpecifierRule(tuple(Part(one, _bounds(one)) for one in accepted), bool(accepted.prereleases))


def _bounds(specifier: Specifier) -> tuple[tuple[Callable[[Key, Key], bool], Key], ...]:
    """Return a specifier as comparisons of releases' keys."""
    kind, operand = specifier.operator, specifier.version
    if kind in _OPERATORS and not operand.endswith(".*"):
        return ((_OPERATORS[kind], order_key(Version(operand))),)
    least = Version(operand.removesuffix(".*")) if kind in ("==", "~=") else None
    if least is None or least.epoch or (kind == "==" and least != Version(least.base_version)):
        return ()
    *numbers, last = least.release[: -1 if kind == "~=" else None]  # ==2.1.* and ~=2.1.4 both want what begins with 2.1
    return (operator.ge, order_key(least)), (operator.lt, release_key([*numbers, last + 1]))


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


def order_key(version: Version) -> Key:
    """Return PEP 440's order as plain tuples: comparing ``Version``s runs Python code for each of a list's comparisons."""
    release = _without_zeros(version.release)
    is_only_dev = version.pre is None and version.post is None and version.dev is not None
    pre = (1, *version.pre) if version.pre is not None else (0,) if is_only_dev else (2,)
    post = -1 if version.post is None else version.post
    dev = (1,) if version.dev is None else (0, version.dev)
    local = tuple(
        [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in (version.local or "").split(".") if part]
    )
    return version.epoch, *release, _END, pre, post, dev, local


def release_key(numbers: Sequence[int]) -> Key:
    """Return the same of numbers alone."""
    return 0, *_without_zeros(numbers), _END, (2,), -1, (1,), ()


def _without_zeros(numbers: Sequence[int]) -> Sequence[int]:
    """``1.0`` is ``1``."""
    end = len(numbers)
    while end and numbers[end - 1] == 0:
        end -= 1
    return numbers[:end]
