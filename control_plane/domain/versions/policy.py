"""What a maintainer wants of an upstream's tags, and what is known of each tag: types only. PURE.

One policy = filter (include, exclude, extract) → dialect → order → guards. A dialect (``control_plane.domain.versions.dialects``)
reads a tag's text and says how it orders and whether its rule wants it; ``selection`` does everything else.
Patterns are texts: ``glob:3.*``, ``regexp:^v[0-9]+$`` (Go's RE2 syntax), or the very tag.
"""

from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

import msgspec

from control_plane.domain.versions.semver import Key

Dialect = Literal[
    "helm",  # Masterminds ranges: Helm's and Flux's
    "keel",  # all, major, minor, patch, force, glob:, regexp:
    "flux-semver",
    "flux-alphabetical",
    "flux-numerical",
    "flux1",  # semver:, glob:, regex:
    "argocd-semver",
    "argocd-newest-build",
    "argocd-alphabetical",
    "argocd-digest",
    "frontier",  # K8sUpdater: numbers before the frontier may not change
    "pep440",
    "calendar",  # YYYY.0M.MICRO and the like
    "docker",  # Renovate's: numbers and a suffix family
]
Order = Literal["ascending", "descending"]
Majors = Literal["follow", "ask"]
Prereleases = Literal["as-the-rule-says", "never", "allowed"]


class Filter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which tags are looked at. A tag must match one of ``include`` (none: all) and none of ``exclude``.

    ``extract`` is a pattern whose match gives the text that the dialect reads, as ``to`` says (``$1``, ``$name``, ``${name}``); a tag
    that it does not match is left out. Empty: the whole tag.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    extract: str = ""
    to: str = "$0"


class Guards(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a tag that the rule wants has to pass besides. Never a downgrade: that one cannot be turned off.

    ``minimum_age_seconds`` counts from our own first sight of the very digest; an age that is not known waits.
    ``variant``: the suffix family of what runs now is kept (3.2.1-alpine is never followed by 3.2.2). ``platforms`` (``linux/arm64``)
    must all be there. ``majors="ask"``: a new major number is taken by a person only. ``behind``: stay so many versions
    behind the newest (``latest-1``). ``notify_only``: say what would be chosen, take nothing.
    """

    prereleases: Prereleases = "as-the-rule-says"
    variant: bool = True
    platforms: tuple[str, ...] = ()
    minimum_age_seconds: float = 0.0
    majors: Majors = "follow"
    behind: int = 0
    notify_only: bool = False


class Policy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A whole policy. ``rule`` is the dialect's own text (a range, a Keel policy, a pattern, a frontier).

    ``digest``: the chosen tag is mutable and followed by its digest: the same tag with another digest is another release.
    """

    dialect: Dialect = "helm"
    rule: str = "*"
    order: Order = "ascending"
    filter: Filter = Filter()
    guards: Guards = Guards()
    digest: bool = False


class Tag(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A tag as a source lists it, and what is known of it. None and empty: not known (yet), or the source has no such thing.

    ``first_seen_at`` is by our own clock and of this very ``digest``; ``created_at`` is what the publisher says. ``gone``: seen once,
    not listed any more. ``withheld``: the publisher itself marks it (draft, deprecated, yanked).
    """

    name: str
    digest: str = ""
    first_seen_at: datetime | None = None
    created_at: datetime | None = None
    platforms: tuple[str, ...] | None = None
    prerelease: bool | None = None
    gone: bool = False
    withheld: str = ""


class Quarantine(msgspec.Struct, frozen=True, kw_only=True):
    """A person keeps versions out: those whose tag matches ``pattern``, until ``until`` (None: until it is lifted)."""

    pattern: str
    reason: str
    author: str
    until: datetime | None = None


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What choosing depends on besides policy and tags. ``current`` is the tag that is followed now; empty before the first."""

    now: datetime
    current: str = ""
    current_digest: str = ""
    quarantines: tuple[Quarantine, ...] = ()


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What a dialect makes of one text.

    ``key`` orders it among the others of the same dialect (None: it is no version here, and ``refusal`` says why). ``version`` is its
    normal form for people. ``refusal`` is why the rule does not want it, empty where it does. ``family`` is what must stay
    the same from version to version (the suffix ``alpine``). ``major`` is its major number where the dialect knows one.
    """

    key: Key | None
    version: str = ""
    refusal: str = ""
    prerelease: bool = False
    major: int | None = None
    family: str = ""


class Rule(Protocol):
    """A dialect's rule, compiled. Costs a few microseconds a tag; made anew for each look."""

    def read(self, text: str, tag: Tag) -> Reading:
        """Return what the rule makes of ``text`` (what the filter extracted from ``tag``). Never raises for a text."""


@runtime_checkable
class TakesPrereleases(Protocol):
    """A rule whose dialect leaves pre-releases out by itself, and which can take them in (``prereleases="allowed"``)."""

    def with_prereleases(self) -> Rule:
        """Return the same rule for releases and pre-releases."""


class CompileRule(Protocol):
    """How each dialect makes a rule from a policy's text: ``DIALECTS[policy.dialect](policy.rule, current=…)``."""

    def __call__(self, rule: str, *, current: str) -> Rule:
        """Return the rule. ``current`` is the text (extracted) of what is followed now, or empty. Raises ``InvalidRange``."""


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What the policy makes of one tag, for people: one reason. ``wanted``: the rule and every guard would take it.

    ``waits_until`` is the next moment at which the verdict may change by itself (age reached, quarantine over).
    """

    tag: str
    version: str
    wanted: bool
    chosen: bool
    reason: str
    waits_until: datetime | None = None


class Choice(msgspec.Struct, frozen=True):
    """The tag to take, its version in normal form, and the one reason."""

    tag: str
    version: str
    digest: str = ""
    reason: str = ""
