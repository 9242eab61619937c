"""Which tag of an upstream is wanted, and why each of the others is not. PURE: independent of the list's order.

One policy = filter → dialect → order → guards (``policy`` has the words' meaning). What is followed now stays the choice where
nothing newer may be taken. Of tags that are the same version the one followed now goes first, then the most fully written one, then by
digest and text: the order is total.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache, partial
from itertools import compress, count, groupby, islice
from operator import eq, itemgetter
from typing import Any, NamedTuple

import msgspec

from control_plane.domain.versions.dialects import DIALECTS
from control_plane.domain.versions.guards import Check, Refusal, checks_for_all, checks_for_newcomers
from control_plane.domain.versions.patterns import compile_pattern, expand, matches
from control_plane.domain.versions.policy import (
    Choice,
    Context,
    Dialect,
    Filter,
    Policy,
    Reading,
    Rule,
    Tag,
    TakesPrereleases,
    Verdict,
)

Weighed = tuple[Any, Tag, Reading, Refusal | None]  # the key, the tag, how it is read, why it is not wanted
REMEMBERED = 131_072  # readings: most tags of a look were there at the look before
BY_TIME = frozenset({"argocd-newest-build", "flux1"})  # flux1: all but semver
MADE_UNKNOWN = Refusal("when it was made is not known yet", waits=True)
OTHERS_UNKNOWN = Refusal("waits: when other tags were made is not known yet", waits=True)
_key = itemgetter(0)
_BEHIND = "newer than the policy takes: it stays {} behind the newest"


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
    follow = (one for one in ranked.versions if one[3] is None and one[1].name not in ranked.behind)
    taken = [ranked.chosen] if policy.guards.notify_only else islice(follow, limit)
    return tuple([Choice(one[1].name, one[2].version or one[1].name, one[1].digest, reason(one)) for one in taken])


def lacking(policy: Policy, tags: Sequence[Tag], context: Context, limit: int) -> tuple[str, ...]:
    """Return which of the best ``limit`` tags that may be taken, now or later, lack a digest or the platforms that are asked for.

    Ages count from the first sight of a digest, so those that only wait for their age are among them. Raises ``InvalidRange``.
    """
    versions = _rank(policy, tags, context).versions
    likely = islice((tag for _, tag, _, refusal in versions if refusal is None or refusal.waits), limit)
    asks = bool(policy.guards.platforms)
    return tuple([tag.name for tag in likely if not tag.digest or (asks and tag.platforms is None)])


def explain(policy: Policy, tags: Sequence[Tag], context: Context) -> tuple[Verdict, ...]:
    """Return a verdict for every tag: the best first, then what is no version, by name. Raises ``InvalidRange``."""
    ranked = _rank(policy, tags, context)
    reason, behind = _reasons(policy, ranked, context), ranked.behind
    found = []
    for one in (*ranked.versions, *ranked.others):
        _, tag, reading, refusal = one
        if refusal is not None:
            found.append(Verdict(tag.name, reading.version, False, False, refusal.reason, refusal.until))
        else:
            is_wanted = tag.name not in behind
            found.append(Verdict(tag.name, reading.version, is_wanted, one is ranked.chosen, reason(one)))
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
    return min(
        (one[3].until for one in ranked.versions if one[3] is not None and one[3].until is not None), default=None
    )


def next_of(verdicts: Iterable[Verdict]) -> datetime | None:
    """Return the same of verdicts that are there already."""
    return min((one.waits_until for one in verdicts if one.waits_until is not None), default=None)


def compile_policy(policy: Policy, current: str = "") -> Rule:
    """Return the rule of a policy where ``current`` (a tag) is followed. Raises ``InvalidRange``: rule or patterns cannot be read."""
    extract = _extractor(policy.filter)
    text = extract(current) if extract is not None and current else current
    return _compiled(policy.dialect, policy.rule, text or "", policy.guards.prereleases == "allowed")


def is_by_time(policy: Policy) -> bool:
    """Say whether a policy orders tags by when they were made, which their texts do not say."""
    return policy.dialect in BY_TIME and not policy.rule.startswith("semver:")


def needs_details(policy: Policy) -> bool:
    """Say whether more has to be asked of a tag than its digest: its platforms, or when it was made."""
    return bool(policy.guards.platforms) or is_by_time(policy)


@lru_cache(256)
def _compiled(dialect: Dialect, rule: str, current: str, prereleases: bool) -> Rule:
    compiled = DIALECTS[dialect](rule, current=current)
    return compiled.with_prereleases() if prereleases and isinstance(compiled, TakesPrereleases) else compiled


def _reader(policy: Policy, current: str) -> Callable[[str, Tag], Reading]:
    """Return what reads a tag; where its text says all, the readings of the last looks are remembered."""
    rule, extract = compile_policy(policy, current), _extractor(policy.filter)
    if is_by_time(policy):
        return rule.read
    followed = (extract(current) if extract is not None and current else current) or ""
    return lambda text, _: _read(policy.dialect, policy.rule, followed, policy.guards.prereleases == "allowed", text)


@lru_cache(REMEMBERED)
def _read(dialect: Dialect, rule: str, current: str, prereleases: bool, text: str) -> Reading:
    return _compiled(dialect, rule, current, prereleases).read(text, Tag(name=text))


def _extractor(wanted: Filter) -> Callable[[str], str | None] | None:
    """Return what gives the text that the dialect reads (None: there is none); None where that is the whole tag."""
    if not wanted.extract:
        return None
    compile_pattern(wanted.extract)
    return partial(expand, wanted.extract, wanted.to)


def _rank(policy: Policy, tags: Sequence[Tag], context: Context) -> _Ranked:
    """Weigh every tag and put them in order."""
    weighed = _weigh(policy, tags, context)
    versions = _ordered([one for one in weighed if one[0] is not None], policy, context)
    if is_by_time(policy) and not context.current and any(one[3] is MADE_UNKNOWN for one in versions):
        versions = [(key, tag, reading, refusal or OTHERS_UNKNOWN) for key, tag, reading, refusal in versions]
    others = sorted((one for one in weighed if one[0] is None), key=lambda one: one[1].name)
    able = [one for one in versions if one[3] is None]
    behind = _behind(able, policy.guards.behind, context) if policy.guards.behind else frozenset()
    able = [one for one in able if one[1].name not in behind] if behind else able
    head = chosen = able[0] if able else None
    if policy.guards.notify_only:
        chosen = next((one for one in able if _is_current(one[1], policy, context)), None)
    return _Ranked(versions, others, head, chosen, behind)


def _weigh(policy: Policy, tags: Sequence[Tag], context: Context) -> list[Weighed]:
    read, text_of = _reader(policy, context.current), _extractor(policy.filter)
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
        found.append((reading.key, tag, reading, refusal))
    return found


def _reasons(policy: Policy, ranked: _Ranked, context: Context) -> Callable[[Weighed], str]:
    """Return what says why a tag that nothing refuses is taken, or another one is."""
    if ranked.head is None:
        return lambda _: _BEHIND.format(policy.guards.behind)
    key, head, _, _ = ranked.head
    is_ascending = policy.order == "ascending"
    other = f"matches, but {head.name} {'is newer' if is_ascending else 'comes before it'}"
    how = "is followed now" if head.name == context.current else "is written more fully"
    same, best = f"the same version as {head.name}, which {how}", _praise(policy, is_ascending=is_ascending)

    def reason(one: Weighed) -> str:
        if one[1].name in ranked.behind:
            return _BEHIND.format(policy.guards.behind)
        if one is ranked.head:
            return best if one is ranked.chosen else f"notify only: {best}"
        if one is ranked.chosen:
            return f"followed now; notify only: {head.name} would be taken"
        return same if one[0] == key else other

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
    for pattern in (*wanted.include, *wanted.exclude):
        compile_pattern(pattern)
    strange = Refusal(f"not included by {' or '.join(wanted.include)}")
    checks: list[Check] = [_exclusion(pattern) for pattern in wanted.exclude]
    if wanted.include:
        checks.append(lambda tag, _: None if any(matches(one, tag.name) for one in wanted.include) else strange)
    return checks


def _exclusion(pattern: str) -> Check:
    refusal = Refusal(f"excluded by {pattern}")
    return lambda tag, _: refusal if matches(pattern, tag.name) else None


def _check_made(tag: Tag, _: Reading) -> Refusal | None:
    """A tag that nobody asked about would pass for a new one: it was first seen later than what was asked about was made."""
    return MADE_UNKNOWN if tag.created_at is None and not tag.digest else None


def _check_rule(_: Tag, reading: Reading) -> Refusal | None:
    return Refusal(reading.refusal) if reading.refusal else None


def _ordered(versions: list[Weighed], policy: Policy, context: Context) -> list[Weighed]:
    """Return versions best first. Those of equal keys are few: only they are compared further."""
    versions.sort(key=_key, reverse=policy.order == "ascending")
    keys, preference = [one[0] for one in versions], _preference(context.current)
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
        tag = one[1]
        return tag.name == current, tag.name.count("."), tag.name[:1] != "v", tag.digest, tag.name

    return preference


def _behind(able: Iterable[Weighed], count: int, context: Context) -> frozenset[str]:
    """Return the tags of the newest ``count`` versions, up to what is followed now: they are left out by ``latest-N``."""
    left_out: set[str] = set()
    for position, (_, equals) in enumerate(groupby(able, key=_key)):
        names = {one[1].name for one in equals}
        if position == count or context.current in names:
            break
        left_out |= names
    return frozenset(left_out)
