"""Why an application takes the tag that it takes: every tag that was ever seen, with the one reason. Only reads.

What is explained is what ``choosing`` weighs, by the same functions: the two cannot disagree.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from control_plane.domain.errors import InvalidInput, NotFound
from control_plane.domain.versions.policy import Context, Policy, Verdict
from control_plane.domain.versions.ranges import InvalidRange
from control_plane.domain.versions.selection import explain, explain_names
from control_plane.domain.versions.words import FOLLOWS_CHART, policy_words
from control_plane.services.choosing import Facts, context_of, gather
from control_plane.store.models import Upstream
from control_plane.store.queries.pages import application_upstreams
from control_plane.store.queries.sightings import Sighting, sightings_of
from control_plane.store.session import Session
from control_plane.upstreams.policy_text import policy_text

MOST_TAGS = 20_000


class TagRow(msgspec.Struct, frozen=True, kw_only=True):
    """A tag, what the policy makes of it, and what is known of it. ``waits_until``: the verdict may change by itself then."""

    tag: str
    version: str
    chosen: bool
    wanted: bool
    reason: str
    waits_until: datetime | None = None
    first_seen_at: datetime | None = None
    digest: str = ""
    moved_at: datetime | None = None
    gone_at: datetime | None = None


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """One upstream: what is wanted, how the place is, and every tag seen there: the chosen one first, then best first.

    ``policy`` is in words, ``policy_text`` as in a file (empty: the chart's tag).
    ``newest`` and ``reason`` are of the last choosing; ``problem`` says why nothing can be weighed (a policy that cannot be read).
    """

    alias: str
    role: str
    kind: str
    place: str
    policy: str
    policy_text: str
    newest: str | None
    reason: str
    last_look_at: datetime | None
    next_look_at: datetime | None
    unknown_since: datetime | None
    last_error: str | None
    tags: tuple[TagRow, ...]
    problem: str = ""


def application_explain(
    session: Session, *, application: str, now: datetime, upstream: str | None = None
) -> list[Explanation]:
    """Explain every upstream of an application, or the one with the alias ``upstream``. Raises ``NotFound``."""
    owner = application_upstreams(session, application)
    rows = {one.alias: one for one in owner.upstreams}
    if upstream is not None and upstream not in rows:
        raise NotFound(
            f"{application} has no upstream {upstream!r}: it has {', '.join(rows) or 'none'}", code="no_upstream"
        )
    weighing = gather(session, owner.id)
    return [
        _explanation(session, rows[facts.alias], facts, context_of(facts, weighing.quarantines, now))
        for facts in weighing.facts
        if upstream in (None, facts.alias)
    ]


def policy_try(policy: Policy, names: Sequence[str], now: datetime, *, current: str = "") -> list[TagRow]:
    """Return what a policy would choose of a pasted list of tags where ``current`` is followed. Raises ``InvalidInput``."""
    if len(names) > MOST_TAGS:
        raise InvalidInput(f"{len(names)} tags are too many to try: at most {MOST_TAGS} at once")
    try:
        verdicts = explain_names(policy, names, now, current=current)
    except InvalidRange as error:
        raise InvalidInput(f"the policy cannot be read: {error}", code="policy") from None
    return tag_rows(verdicts)


def tag_rows(verdicts: Sequence[Verdict], known: Mapping[str, Sighting] | None = None) -> list[TagRow]:
    """Return verdicts with what is ``known`` of each tag, the chosen one first."""
    sightings = known or {}
    return [_tag_row(one, sightings.get(one.tag)) for one in sorted(verdicts, key=lambda one: not one.chosen)]


def _explanation(session: Session, upstream: Upstream, facts: Facts, context: Context) -> Explanation:
    source, problem = upstream.source, ""
    verdicts: Sequence[Verdict] = ()
    try:
        verdicts = _verdicts(facts, context, upstream.newest)
    except InvalidRange as error:
        problem = str(error)
    known = sightings_of(session, facts.source_id)
    return Explanation(
        alias=upstream.alias,
        role=upstream.role,
        kind=source.kind,
        place=source.location,
        policy=policy_words(facts.policy),
        policy_text=policy_text(facts.policy) if facts.policy is not None else "",
        newest=upstream.newest,
        reason=upstream.reason,
        last_look_at=source.last_look_at,
        next_look_at=source.next_look_at,
        unknown_since=source.unknown_since,
        last_error=source.last_error,
        tags=tuple(tag_rows(verdicts, known)),
        problem=problem,
    )


def _verdicts(facts: Facts, context: Context, newest: str | None) -> Sequence[Verdict]:
    if facts.policy is not None:
        return explain(facts.policy, facts.tags, context)
    return [_as_the_chart(tag.name, is_chosen=tag.name == newest) for tag in facts.tags]


def _as_the_chart(tag: str, *, is_chosen: bool) -> Verdict:
    return Verdict(tag, tag, is_chosen, is_chosen, FOLLOWS_CHART if is_chosen else "not the tag that the chart has now")


def _tag_row(verdict: Verdict, known: Sighting | None) -> TagRow:
    """Verdicts are said of thousands of tags: fields are given by hand."""
    return TagRow(
        tag=verdict.tag,
        version=verdict.version,
        chosen=verdict.chosen,
        wanted=verdict.wanted,
        reason=verdict.reason,
        waits_until=verdict.waits_until,
        first_seen_at=known.first_seen_at if known else None,
        digest=known.digest if known else "",
        moved_at=known.moved_at if known else None,
        gone_at=known.gone_at if known else None,
    )
