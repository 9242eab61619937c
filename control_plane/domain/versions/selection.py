"""Which tag of an upstream is wanted, and why each of the others is not. PURE: independent of the list's order.

One policy = filter → dialect → order → guards (``policy`` has the words' meaning). What is followed now stays the choice where
nothing newer may be taken. Of tags that are the same version the one followed now goes first, then the most fully written one, then by
digest and text: the order is total.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import compress, count, groupby, islice
from operator import attrgetter, eq
from typing import NamedTuple

import msgspec

from control_plane.domain.versions.guards import Check, Refusal, checks_for_all, checks_for_newcomers
from control_plane.domain.versions.patterns import compile_pattern
from control_plane.domain.versions.policy import (
    Choice,
    Context,
    Filter,
    Policy,
    Reading,
    Tag,
    Verdict,
)
from control_plane.domain.versions.readings import extractor, is_by_time, reader
from control_plane.domain.versions.semver import Key

MADE_UNKNOWN = Refusal("when it was made is not known yet", waits=True)
OTHERS_UNKNOWN = Refusal("waits: when other tags were made is not known yet", waits=True)
_key = attrgetter("key")
_BEHIND = "newer than the policy takes: it stays {} behind the newest"


class Weighed(msgspec.Struct, gc=False):
    """A tag, how it is read (``key``: its place), and why it is not wanted. Light: there are tens of thousands."""

    key: Key | None
    tag: Tag
    reading: Reading
    refusal: Refusal | None


class _Ranked(NamedTuple):
    """Every tag, best first. ``head`` would be taken, ``chosen`` is (``notify_only``: at most what is followed now)."""

    versions: list[Weighed]
    others: list[Weighed]
    head: Weighed | None
    chosen: Weighed | None
    behind: frozenset[str]


def choose(policy: Policy, tags: Sequence[Tag], context: Context) -> Choice | None:
    """Return the tag to follow, or None where none may be. Raises ``InvalidRange`` for a policy that cannot be read."""
    return next(iter(wanted(policy, tags, context, 1)), None)


def wanted(policy: Policy, tags: Sequence[Tag], context: Context, limit: int) -> tuple[Choice, ...]:
    """Return at most ``limit`` tags that may be taken right now, best first: the first is the choice. Raises ``InvalidRange``."""
    ranked = _rank(policy, tags, context)
    if ranked.chosen is None:
        return ()
    reason = _reasons(policy, ranked, context)
    follow = (one for one in ranked.versions if one.refusal is None and one.tag.name not in ranked.behind)
    taken = [ranked.chosen] if policy.guards.notify_only else islice(follow, limit)
    return tuple([_choice(one, reason(one)) for one in taken])


def _choice(one: Weighed, reason: str) -> Choice:
    return Choice(one.tag.name, one.reading.version or one.tag.name, one.tag.digest, reason)


def lacking(policy: Policy, tags: Sequence[Tag], context: Context, limit: int) -> tuple[str, ...]:
    """Return which of the best ``limit`` tags that may be taken, now or later, lack a digest or the platforms that are asked for.

    Ages count from the first sight of a digest, so those that only wait for their age are among them. Raises ``InvalidRange``.
    """
    versions = _rank(policy, tags, context).versions
    likely = islice((one.tag for one in versions if one.refusal is None or one.refusal.waits), limit)
    asks = bool(policy.guards.platforms)
    return tuple([tag.name for tag in likely if not tag.digest or (asks and tag.platforms is None)])


def explain(policy: Policy, tags: Sequence[Tag], context: Context) -> tuple[Verdict, ...]:
    """Return a verdict for every tag: the best first, then what is no version, by name. Raises ``InvalidRange``."""
    ranked = _rank(policy, tags, context)
    reason, behind = _reasons(policy, ranked, context), ranked.behind
    found = []
    for one in (*ranked.versions, *ranked.others):
        name, version, refusal = one.tag.name, one.reading.version, one.refusal
        if refusal is not None:
            found.append(Verdict(name, version, False, False, refusal.reason, refusal.until))
        else:
            found.append(Verdict(name, version, name not in behind, one is ranked.chosen, reason(one)))
    return tuple(found)


def explain_names(policy: Policy, names: Sequence[str], now: datetime, *, current: str = "") -> tuple[Verdict, ...]:
    """Return what the policy makes of a pasted list. Platforms and ages, which a list does not have, are not asked for."""
    tags = [Tag(name=name) for name in dict.fromkeys(names)]
    return explain(named_only(policy), tags, Context(now=now, current=current))


def named_only(policy: Policy) -> Policy:
    """Return the policy without what a list of names cannot answer: platforms and ages."""
    guards = msgspec.structs.replace(policy.guards, platforms=(), minimum_age_seconds=0.0)
    return msgspec.structs.replace(policy, guards=guards)


def next_change(policy: Policy, tags: Sequence[Tag], context: Context) -> datetime | None:
    """Return the next moment at which a verdict may change by itself: an age is reached, a quarantine is over."""
    ranked = _rank(policy, tags, context)
    refusals = (one.refusal for one in ranked.versions if one.refusal is not None)
    return min((refusal.until for refusal in refusals if refusal.until is not None), default=None)


def next_of(verdicts: Iterable[Verdict]) -> datetime | None:
    """Return the same of verdicts that are there already."""
    return min((one.waits_until for one in verdicts if one.waits_until is not None), default=None)


def needs_details(policy: Policy) -> bool:
    """Say whether more has to be asked of a tag than its digest: its platforms, or when it was made."""
    return bool(policy.guards.platforms) or is_by_time(policy)


def _rank(policy: Policy, tags: Sequence[Tag], context: Context) -> _Ranked:
    """Weigh every tag and put them in order."""
    weighed = _weigh(policy, tags, context)
    versions = _ordered([one for one in weighed if one.key is not None], policy, context)
    if is_by_time(policy) and not context.current and any(one.refusal is MADE_UNKNOWN for one in versions):
        for one in versions:
            one.refusal = one.refusal or OTHERS_UNKNOWN
    others = sorted((one for one in weighed if one.key is None), key=lambda one: one.tag.name)
    able = [one for one in versions if one.refusal is None]
    behind = _behind(able, policy.guards.behind, context) if policy.guards.behind else frozenset()
    able = [one for one in able if one.tag.name not in behind] if behind else able
    head = chosen = able[0] if able else None
    if policy.guards.notify_only:
        chosen = next((one for one in able if _is_current(one.tag, policy, context)), None)
    return _Ranked(versions, others, head, chosen, behind)


def _weigh(policy: Policy, tags: Sequence[Tag], context: Context) -> list[Weighed]:
    read, text_of = reader(policy, context.current), extractor(policy.filter)
    unread = Reading(None, refusal=f"{policy.filter.extract} does not match it: there is nothing to read")
    for_all = [*_name_checks(policy.filter), _check_rule, *checks_for_all(context)]
    for_new = [*for_all, *checks_for_newcomers(policy, context, _current_reading(tags, context, read, text_of))]
    for_new += [_check_made] if is_by_time(policy) else []
    found: list[Weighed] = []
    for tag in {tag.name: tag for tag in tags}.values():
        text = tag.name if text_of is None else text_of(tag.name)
        reading = unread if text is None else read(text, tag)
        checks = for_all if tag.name == context.current and _is_current(tag, policy, context) else for_new
        refusal = None
        for check in checks:
            if (refusal := check(tag, reading)) is not None:
                break
        found.append(Weighed(reading.key, tag, reading, refusal))
    return found


def _reasons(policy: Policy, ranked: _Ranked, context: Context) -> Callable[[Weighed], str]:
    """Return what says why a tag that nothing refuses is taken, or another one is."""
    if ranked.head is None:
        return lambda _: _BEHIND.format(policy.guards.behind)
    key, head = ranked.head.key, ranked.head.tag
    is_ascending = policy.order == "ascending"
    other = f"matches, but {head.name} {'is newer' if is_ascending else 'comes before it'}"
    how = "is followed now" if head.name == context.current else "is written more fully"
    same, best = f"the same version as {head.name}, which {how}", _praise(policy, is_ascending=is_ascending)

    def reason(one: Weighed) -> str:
        if one.tag.name in ranked.behind:
            return _BEHIND.format(policy.guards.behind)
        if one is ranked.head:
            return best if one is ranked.chosen else f"notify only: {best}"
        if one is ranked.chosen:
            return f"followed now; notify only: {head.name} would be taken"
        return same if one.key == key else other

    return reason


def _praise(policy: Policy, *, is_ascending: bool) -> str:
    if policy.guards.behind:
        return f"{policy.guards.behind} behind the newest that matches"
    return "the newest that matches" if is_ascending else "the first that matches in descending order"


def _is_current(tag: Tag, policy: Policy, context: Context) -> bool:
    """Say whether a tag is what is followed now: where the digest is followed too, the very digest."""
    same_digest = not policy.digest or not context.current_digest or tag.digest == context.current_digest
    return tag.name == context.current and same_digest


def _current_reading(
    tags: Sequence[Tag],
    context: Context,
    read: Callable[[str, Tag], Reading],
    text_of: Callable[[str], str | None] | None,
) -> Reading | None:
    """Return how the dialect reads what is followed now; None where nothing is, or the extraction does not match it."""
    text = text_of(context.current) if text_of is not None else context.current
    if not context.current or text is None:
        return None
    return read(text, next((tag for tag in tags if tag.name == context.current), Tag(name=context.current)))


def _name_checks(wanted: Filter) -> list[Check]:
    """Return the checks of a tag's name."""
    checks: list[Check] = [_exclusion(pattern) for pattern in wanted.exclude]
    if wanted.include:
        strange = Refusal(f"not included by {' or '.join(wanted.include)}")
        included = [compile_pattern(pattern).matches for pattern in wanted.include]
        checks.append(lambda tag, _: None if any(matches(tag.name) for matches in included) else strange)
    return checks


def _exclusion(pattern: str) -> Check:
    refusal, matches = Refusal(f"excluded by {pattern}"), compile_pattern(pattern).matches
    return lambda tag, _: refusal if matches(tag.name) else None


def _check_made(tag: Tag, _: Reading) -> Refusal | None:
    """A tag that nobody asked about would pass for a new one: it was first seen later than what was asked about was made."""
    return MADE_UNKNOWN if tag.created_at is None and not tag.digest else None


def _check_rule(_: Tag, reading: Reading) -> Refusal | None:
    return Refusal(reading.refusal) if reading.refusal else None


def _ordered(versions: list[Weighed], policy: Policy, context: Context) -> list[Weighed]:
    """Return versions best first. Those of equal keys are few: only they are compared further."""
    versions.sort(key=_key, reverse=policy.order == "ascending")
    keys, preference = [one.key for one in versions], _preference(context.current)
    is_same = map(eq, keys, islice(keys, 1, None))
    end = 0
    for start in compress(count(), is_same):
        if start >= end:
            end = next((place for place in range(start + 2, len(keys)) if keys[place] != keys[start]), len(keys))
            versions[start:end] = sorted(versions[start:end], key=preference, reverse=True)
    return versions


def _preference(current: str) -> Callable[[Weighed], tuple[object, ...]]:
    """Return the order among tags of one version: followed now; the fully written one (``2.2.0`` before the moving ``2.2``); text."""

    def preference(one: Weighed) -> tuple[object, ...]:
        tag = one.tag
        return tag.name == current, tag.name.count("."), tag.name[:1] != "v", tag.digest, tag.name

    return preference


def _behind(able: Iterable[Weighed], count: int, context: Context) -> frozenset[str]:
    """Return the tags of the newest ``count`` versions, up to what is followed now: they are left out by ``latest-N``."""
    left_out: set[str] = set()
    for position, (_, equals) in enumerate(groupby(able, key=_key)):
        names = {one.tag.name for one in equals}
        if position == count or context.current in names:
            break
        left_out |= names
    return frozenset(left_out)
