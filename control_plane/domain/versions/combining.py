"""Several upstreams of one application make one release: which of their versions go together. PURE, deterministic.

The best chart goes first; the others are tried best first, in all at most ``MAX_TRIED`` combinations. An upstream that follows
the chart must have the chart's version as its tag. ``together`` is empty (each its own best), ``same version``, or a JMESPath
expression over ``{"chart": {"version", "tag"}, "images": {alias: {…}}, "upstreams": {alias: {…}}}`` that has to be true.
"""

import heapq
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice, takewhile
from typing import Any

import jmespath
import msgspec
from jmespath.exceptions import JMESPathError

from cluster_agent.contract import sha256_hex
from control_plane.domain.versions.helm import tag_of_version
from control_plane.domain.versions.policy import Choice

MAX_TRIED = 1_000
MAX_LENGTH = 1_024  # characters of an expression
MAX_METADATA = 128  # characters of a release's version after the chart's
SAME_VERSION = "same version"
CHART = "chart"
_GROUPS = {"image": "images", "other": "upstreams"}
_SAMPLE = {"tag": "1.0.0", "version": "1.0.0"}


class InvalidAgreement(ValueError):
    """The text says nothing that upstreams could agree on; the message says where and why."""


class Candidates(msgspec.Struct, frozen=True, kw_only=True):
    """What one upstream has to offer. ``role`` is ``chart``, ``image`` or ``other``; ``place`` names it for people.

    ``choices`` are its wanted tags, best first. ``follows_chart``: it has no choices of its own. ``absent`` are tags that were
    asked for and are not there; ``digests`` are known ones by tag. ``by_digest``: its tags are mutable, the digest tells
    releases apart.
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
    """Return what goes together, or what is waited for. ``together`` has passed ``check_together``; one candidate is the chart."""
    for one in candidates:
        if not one.choices and not one.follows_chart:
            return _nothing_of(one)
    proposals = islice(_proposals(candidates, together), MAX_TRIED)
    chosen = next((choices for choices in proposals if _agrees(candidates, choices, together)), None)
    if chosen is None:
        return _disagreement(candidates, together)
    for one in candidates:
        if chosen[one.alias].tag in one.absent:
            return _not_yet(one, chosen[CHART])
    return Combination(version=version_of(candidates, chosen), choices=chosen)


def version_of(candidates: Sequence[Candidates], choices: Mapping[str, Choice]) -> str:
    """Return a release's version in words: the chart's, and after a ``+`` what does not follow it: ``2.3.0+web.1.4.0``.

    A mutable tag is followed by the beginning of its digest. What follows the ``+`` fits the build metadata of a semantic version.
    """
    chart = choices[CHART]
    more: list[str] = []
    for one in candidates:
        choice = choices[one.alias]
        said = [] if one.role == "chart" or choice.tag in chart_tags(chart) else [choice.tag]
        said += [_digest_of(one, choice)] if one.by_digest else []
        more += said if one.role == "chart" or not said else [one.alias, *said]
    metadata = ".".join(text for part in more if (text := _fitting(part)))
    if not metadata:
        return chart.version
    if len(metadata) > MAX_METADATA:
        metadata = sha256_hex(metadata.encode())[:32]
    return f"{chart.version}{'.' if '+' in chart.version else '+'}{metadata}"


def check_together(together: str, images: Sequence[str], others: Sequence[str]) -> None:
    """Raise ``InvalidAgreement`` where ``together`` cannot be read, or names an upstream that is not declared."""
    if together in {"", SAME_VERSION}:
        return
    compiled = compile_expression(together)
    names = {"images": images, "upstreams": others}
    if problem := _stranger(compiled.parsed, names):
        raise InvalidAgreement(problem)
    sample = {group: dict.fromkeys(aliases, _SAMPLE) for group, aliases in names.items()}
    try:
        answer = compiled.search({CHART: _SAMPLE, **sample})
    except JMESPathError as error:
        raise InvalidAgreement(str(error).partition("\n")[0]) from None
    if not isinstance(answer, bool):
        raise InvalidAgreement(
            "it is neither true nor false: it has to compare something, as images.web.tag == images.worker.tag does"
        )


def chart_tags(chart: Choice) -> tuple[str, ...]:
    """Return the tags that stand for a chart's version, the likeliest first: its version, its own tag, with ``v`` or without."""
    tag = tag_of_version(chart.version)
    return tuple(dict.fromkeys((tag, chart.tag, tag[1:] if tag[:1] == "v" else f"v{tag}")))


def _proposals(candidates: Sequence[Candidates], together: str) -> Iterator[dict[str, Choice]]:
    """Yield combinations: the best chart first, and for each chart the others by the sum of their ranks."""
    charts = next(one.choices for one in candidates if one.role == "chart")
    for chart in charts:
        offers = [_offers(one, chart, together) for one in candidates]
        for ranks in islice(_by_rank([len(offer) for offer in offers]), max(1, MAX_TRIED // len(charts))):
            yield {one.alias: offer[rank] for one, offer, rank in zip(candidates, offers, ranks, strict=True)}


def _offers(one: Candidates, chart: Choice, together: str) -> Sequence[Choice]:
    """Return what an upstream can put beside ``chart``."""
    if one.role == "chart":
        return (chart,)
    if one.follows_chart:
        return (_follower(one, chart),)
    if together == SAME_VERSION:
        return [choice for choice in one.choices if _plain(choice) == _plain(chart)]
    return one.choices


def _follower(one: Candidates, chart: Choice) -> Choice:
    """Return the tag that stands for the chart's version: one that is known, else one that may be there, else the likeliest."""
    tags = chart_tags(chart)
    there = [tag for tag in tags if tag not in one.absent]
    known = [tag for tag in there if tag in one.digests]
    tag = (known or there or tags)[0]
    return Choice(tag, chart.version, one.digests.get(tag, ""), f"the same as the chart, {chart.version}")


def _by_rank(lengths: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield positions in lists of these lengths, those of the least sum first."""
    start = (0,) * len(lengths)
    heap, seen = ([(0, start)], {start}) if all(lengths) else ([], set())
    while heap:
        total, ranks = heapq.heappop(heap)
        yield ranks
        for place, rank in enumerate(ranks):
            further = (*ranks[:place], rank + 1, *ranks[place + 1 :])
            if rank + 1 < lengths[place] and further not in seen:
                seen.add(further)
                heapq.heappush(heap, (total + 1, further))


def _agrees(candidates: Sequence[Candidates], choices: Mapping[str, Choice], together: str) -> bool:
    if together in {"", SAME_VERSION}:
        return True  # what has not the same version was never proposed
    data: dict[str, Any] = {"images": {}, "upstreams": {}}
    for one in candidates:
        said = {"version": choices[one.alias].version, "tag": choices[one.alias].tag}
        if one.role == "chart":
            data[CHART] = said
        else:
            data[_GROUPS[one.role]][one.alias] = said
    try:
        return compile_expression(together).search(data) is True
    except JMESPathError:
        return False


@lru_cache(256)
def compile_expression(text: str) -> Any:
    """Return a JMESPath expression, compiled. Raises ``InvalidAgreement`` with the place of what is wrong."""
    if len(text) > MAX_LENGTH:
        raise InvalidAgreement(f"{len(text)} characters; at most {MAX_LENGTH} are allowed")
    try:
        return jmespath.compile(text)
    except JMESPathError as error:
        place = getattr(error, "lex_position", None)
        where = f" at character {place + 1}" if place is not None else ""
        message = getattr(error, "message", None) or str(error).partition("\n")[0]
        raise InvalidAgreement(f"cannot be read{where}: {message}") from None


def _stranger(node: Mapping[str, Any], names: Mapping[str, Sequence[str]]) -> str:
    """Return what is wrong with a path from the root, in words: nothing and nothing are equal, so a slip would always agree."""
    if node["type"] in {"field", "subexpression"}:
        fields = [node] if node["type"] == "field" else node["children"]
        return _strange_path([one["value"] for one in takewhile(lambda one: one["type"] == "field", fields)], names)
    if node["type"] in {"comparator", "and_expression", "or_expression", "not_expression", "function_expression"}:
        return next((problem for child in node["children"] if (problem := _stranger(child, names))), "")
    return ""


def _strange_path(path: Sequence[str], names: Mapping[str, Sequence[str]]) -> str:
    if not path:
        return ""
    root, *rest = path
    if root != CHART and root not in names:
        return f"{root!r} is not known: write chart, images.ALIAS or upstreams.ALIAS"
    if root != CHART and rest:
        alias, *rest = rest
        if alias not in names[root]:
            return f"there is no {root}.{alias}: {root} here are {', '.join(names[root]) or 'none'}"
    if rest and rest[0] not in _SAMPLE:
        return f"{'.'.join(path)!r} is not known: each has tag and version"
    return ""


def _nothing_of(one: Candidates) -> Waiting:
    if one.absent:
        return Waiting(f"{_named(one)} has no tag {' or '.join(sorted(one.absent))}", asks_again=True)
    return Waiting(f"no version of {_named(one)} may be taken now")


def _not_yet(one: Candidates, chart: Choice) -> Waiting:
    tag, kind = chart_tags(chart)[0], "image " if one.role == "image" else ""
    return Waiting(
        f"the chart {chart.version} is there, the {kind}{one.place or one.alias}:{tag} is not yet", asks_again=True
    )


def _disagreement(candidates: Sequence[Candidates], together: str) -> Waiting:
    newest = ", ".join(f"{one.alias} {one.choices[0].tag}" for one in candidates if one.choices)
    rule = "have the same version" if together == SAME_VERSION else f"agree by {together!r}"
    return Waiting(f"no versions {rule}; the newest are {newest}")


def _named(one: Candidates) -> str:
    return f"{one.alias} ({one.place})" if one.place else one.alias


def _plain(choice: Choice) -> str:
    return choice.version.removeprefix("v")


def _digest_of(one: Candidates, choice: Choice) -> str:
    digest = choice.digest or one.digests.get(choice.tag, "")
    return digest.partition(":")[2][:8] or digest[:8]


def _fitting(text: str) -> str:
    """Return ``text`` with the characters that build metadata may have."""
    return re.sub(r"\.{2,}", ".", re.sub(r"[^0-9A-Za-z.-]+", "-", text)).strip(".")
