"""Several upstreams of one application make one release: which of their versions go together. PURE, deterministic.

The best chart goes first; the others are tried best first, in all at most ``MAX_TRIED`` combinations. An upstream that follows the chart must have
the chart's version as its tag. ``together`` is empty (each its own best), ``same version``, or a JMESPath expression over
``{"chart": {"version", "tag"}, "images": {alias: {…}}, "upstreams": {alias: {…}}}`` that has to be true.
"""

import heapq
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import jmespath
import msgspec
from jmespath.exceptions import JMESPathError

from cluster_agent.contract import sha256_hex
from control_plane.domain.versions.policy import Choice

MAX_TRIED = 1_000
MAX_LENGTH = 1_024  # characters of an expression
MAX_VERSION = 200  # characters of a release's version
SAME_VERSION = "same version"
CHART = "chart"
_GROUPS = {"image": "images", "other": "upstreams"}


class InvalidAgreement(ValueError):
    """The text says nothing that upstreams could agree on; the message says where and why."""


class Candidates(msgspec.Struct, frozen=True, kw_only=True):
    """What one upstream has to offer. ``role`` is ``chart``, ``image`` or ``other``; ``place`` names it for people.

    ``choices`` are its wanted tags, best first. ``follows_chart``: it has no choices of its own. ``absent`` are tags that were asked for and are
    not there; ``digests`` are known ones by tag. ``by_digest``: its tags are mutable, the digest tells releases apart.
    """

    alias: str
    role: str
    choices: tuple[Choice, ...] = ()
    follows_chart: bool = False
    absent: frozenset[str] = frozenset()
    digests: Mapping[str, str] = {}
    by_digest: bool = False
    place: str = ""


class Combination(msgspec.Struct, frozen=True, kw_only=True):
    """What a release is made of: a choice per alias, and the release's version in words."""

    version: str
    choices: dict[str, Choice]


class Waiting(msgspec.Struct, frozen=True):
    """There is nothing to make a release of, and why. ``asks_again``: what is missing has to be asked for, nobody lists it."""

    reason: str
    asks_again: bool = False


def combine(candidates: Sequence[Candidates], together: str = "") -> Combination | Waiting:
    """Return what goes together, or what is waited for. Raises ``InvalidAgreement`` for a text that was never checked."""
    for one in candidates:
        if not one.choices and not one.follows_chart:
            return Waiting(f"nothing of {_named(one)} may be taken now")
    return Waiting("not written yet")


def check_together(together: str, images: Sequence[str], others: Sequence[str]) -> None:
    """Raise ``InvalidAgreement`` where ``together`` cannot be read, or names an upstream that is not declared."""


def chart_tags(version: str) -> tuple[str, ...]:
    """Return the tags that stand for a chart's version, the likelier first: with ``_`` for ``+``, as it is or with ``v``."""
    tag = version.replace("+", "_")
    other = tag[1:] if tag.startswith("v") else f"v{tag}"
    return tag, other


def _named(one: Candidates) -> str:
    return f"{one.alias} ({one.place})" if one.place else one.alias
