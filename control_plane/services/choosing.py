"""Use cases of choosing: an application weighs the tags that its sources have shown, and what it takes becomes a release.

Choosing is: lease → weigh (pure) → ask for digests that matter → weigh again → write. Only what may be chosen is ever asked for, at most
``ASKED_AT_ONCE`` tags at a time. The very tags of a release are asked for once more before it is made, so a tag that moved is noticed.
A registry that does not answer concludes nothing: what is weighed waits.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import msgspec

from control_plane.domain.applications import Declaration
from control_plane.domain.errors import InvalidInput, NotFound, TidegateError
from control_plane.domain.releases import GIVEN_UP, Part
from control_plane.domain.retries import backoff, is_free
from control_plane.domain.sources import SourceSpec
from control_plane.domain.versions.combining import Candidates, Combination, Waiting, combine
from control_plane.domain.versions.policy import Choice, Context, Policy, Quarantine, Tag
from control_plane.domain.versions.selection import lacking, needs_details, next_change, wanted
from control_plane.services import audit
from control_plane.services.declarations import declaration_of
from control_plane.services.looks import SourceReader
from control_plane.services.releases import release_discover
from control_plane.services.sources import audit_moves, spec_of
from control_plane.store import lookups, seen
from control_plane.store.models import Application, Source
from control_plane.store.nudges import nudge
from control_plane.store.session import Session, SessionScope, session_scope

LEASE_SECONDS = 60.0
GOLDEN = 0.618  # multiples of it spread evenly
RECHECK_SECONDS = 3600.0  # what was chosen is asked for again: its tag may have moved
ASKED_AT_ONCE = 10
CANDIDATES = 10
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one upstream: its policy (None: the chart's tag), every tag of its source, and what is followed now."""

    alias: str
    role: str
    source_id: int
    spec: SourceSpec
    account: str
    policy: Policy | None
    tags: tuple[Tag, ...]
    current: Part | None


@dataclass(frozen=True, slots=True)
class Weighing:
    """Everything that choosing depends on. ``forced`` are tags that a person names, by alias: their policies are not asked."""

    application_id: int
    declaration: Declaration
    facts: tuple[Facts, ...]
    quarantines: tuple[Quarantine, ...]
    forced: Mapping[str, str] = field(default_factory=dict)
    absent: frozenset[tuple[int, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was weighed: the combination, or what it waits for. ``unknown`` are tags by source whose digests have to be asked for.

    ``lacks``: more has to be asked than one choosing asks; the next goes on with it.
    """

    result: Combination | Waiting
    unknown: tuple[tuple[int, str], ...] = ()
    again_at: datetime | None = None
    lacks: bool = False


@dataclass(slots=True)
class _Asked:
    """What was asked for while choosing: the answers are kept for the writing."""

    tags: set[tuple[int, str]] = field(default_factory=set)
    absent: set[tuple[int, str]] = field(default_factory=set)


class CouldNotAsk(Exception):
    """A source did not answer while its tags were weighed."""

    def __init__(self, source_id: int, error: TidegateError) -> None:
        super().__init__(error.message)
        self.source_id, self.error = source_id, error


def weigh_soon(session: Session, application: Application, now: datetime) -> None:
    """Let an application weigh its tags again."""
    application.choose_at = now
    nudge(session, "application_choose", application.id)


def application_choose(
    *, application_id: int, reader: SourceReader, clock: Callable[[], datetime], scope: SessionScope = session_scope
) -> bool:
    """Weigh an application's tags; what is chosen and new becomes a release. Says whether it was time for that."""
    with scope() as session:
        if not _lease(session, application_id, clock()):
            return False
    try:
        outcome = _weighed(application_id, {}, reader, clock, scope)
    except CouldNotAsk as failure:
        with scope() as session:
            _fail(session, application_id, failure, clock())
        return True
    with scope() as session:
        _settle(session, application_id, outcome, clock())
    return True


def release_add(
    *,
    application: str,
    tags: Mapping[str, str],
    actor: str,
    reader: SourceReader,
    clock: Callable[[], datetime],
    scope: SessionScope = session_scope,
) -> str:
    """Make a release of the tags that a person names (alias → tag, at least the chart's); the others are chosen. Return its version.

    Policies and quarantines of the named ones are not asked: a person takes a new major, or an older version, on purpose.
    Raises ``InvalidInput``, ``NotFound`` where a tag does not exist, or ``Transient``.
    """
    with scope() as session:
        owner = lookups.application_named(session, application)
        application_id, known = owner.id, {upstream.alias for upstream in owner.upstreams}
    if strangers := tags.keys() - known:
        raise InvalidInput(f"{application} has no upstream {sorted(strangers)[0]!r}: it has {', '.join(sorted(known))}")
    try:
        outcome = _weighed(application_id, tags, reader, clock, scope)
    except CouldNotAsk as failure:
        raise failure.error from None
    if isinstance(outcome.result, Waiting):
        raise NotFound(outcome.result.reason, code="release_incomplete")
    with scope() as session:
        release = _discover(session, application_id, outcome.result, actor, clock())
        if not release:
            raise InvalidInput(f"{application} has the release {outcome.result.version} already", code="release_known")
    return outcome.result.version


def current_parts(session: Session, application_id: int) -> dict[str, Part]:
    """Return what the newest release that nobody gave up is made of, by alias; nothing before the first."""
    release = lookups.newest_release(session, application_id, without=GIVEN_UP)
    if release is None:
        return {}
    if release.parts is None:  # made before parts were kept
        return {"chart": Part(tag=release.version, version=release.version, digest=release.chart_digest)}
    return msgspec.convert(release.parts, dict[str, Part])


def gather(session: Session, application_id: int) -> Weighing:
    """Read everything that choosing depends on."""
    application = lookups.get(session, Application, application_id)
    tags = seen.tags_of(session, [upstream.source_id for upstream in application.upstreams])
    current = current_parts(session, application_id)
    facts = [
        Facts(
            alias=upstream.alias,
            role=upstream.role,
            source_id=upstream.source_id,
            spec=spec_of(upstream.source),
            account=upstream.source.account,
            policy=msgspec.convert(upstream.policy, Policy) if upstream.policy is not None else None,
            tags=tags[upstream.source_id],
            current=current.get(upstream.alias),
        )
        for upstream in sorted(application.upstreams, key=lambda one: (one.role != "chart", one.id))
    ]
    return Weighing(application_id, declaration_of(application), tuple(facts), quarantines_of(session, application_id))


def quarantines_of(session: Session, application_id: int) -> tuple[Quarantine, ...]:
    """Return the quarantines of an application that nobody lifted."""
    return tuple(
        Quarantine(pattern=row.pattern, reason=row.reason, author=row.author, until=row.until)
        for row in lookups.quarantines_of(session, application_id)
    )


def context_of(facts: Facts, quarantines: tuple[Quarantine, ...], now: datetime) -> Context:
    """Return what choosing among an upstream's tags depends on besides its policy."""
    current = facts.current
    return Context(
        now=now,
        current=current.tag if current else "",
        current_digest=current.digest if current else "",
        quarantines=quarantines,
    )


def weigh(weighing: Weighing, now: datetime) -> Outcome:
    """Decide what an application would take now, and whose digests have to be known for it. PURE."""
    candidates, unknown, moments = [], [], []
    for facts in weighing.facts:
        choices: tuple[Choice, ...] = ()
        if (tag := weighing.forced.get(facts.alias)) is not None:
            choices = (Choice(tag, tag),)
        elif facts.policy is not None:
            context = context_of(facts, weighing.quarantines, now)
            choices = wanted(facts.policy, facts.tags, context, CANDIDATES)
            moments.append(_next_change(facts, context))
            if _asks_more(facts.policy):
                unknown += [(facts.source_id, tag) for tag in lacking(facts.policy, facts.tags, context, ASKED_AT_ONCE)]
        missing = frozenset(tag for source, tag in weighing.absent if source == facts.source_id)
        candidates.append(
            Candidates(
                alias=facts.alias,
                role=facts.role,
                choices=tuple(choice for choice in choices if choice.tag not in missing),
                follows_chart=facts.policy is None and facts.alias not in weighing.forced,
                absent=missing,
                digests={tag.name: tag.digest for tag in facts.tags if tag.digest},
                by_digest=facts.policy is not None and facts.policy.digest,
                place=facts.spec.location,
            )
        )
    result = combine(candidates, weighing.declaration.together)
    if isinstance(result, Combination):
        sources = {facts.alias: facts.source_id for facts in weighing.facts}
        unknown += [(sources[alias], choice.tag) for alias, choice in result.choices.items()]
    return Outcome(result, tuple(dict.fromkeys(unknown)), min((one for one in moments if one), default=None))


def _asks_more(policy: Policy) -> bool:
    """Say whether a policy's guards rest on more than a tag's name."""
    return bool(policy.guards.platforms) or policy.guards.minimum_age_seconds > 0


def _next_change(facts: Facts, context: Context) -> datetime | None:
    """Return when the verdicts may change by themselves; they are made only where a guard or a quarantine has a time."""
    if facts.policy is None or not (facts.policy.guards.minimum_age_seconds or context.quarantines):
        return None
    return next_change(facts.policy, facts.tags, context)


def _weighed(
    application_id: int,
    forced: Mapping[str, str],
    reader: SourceReader,
    clock: Callable[[], datetime],
    scope: SessionScope,
) -> Outcome:
    """Weigh until everything that the outcome rests on was asked for. Raises ``CouldNotAsk``."""
    asked = _Asked()
    for _ in range(ROUNDS):
        with scope() as session:
            weighing = replace(gather(session, application_id), forced=forced, absent=frozenset(asked.absent))
        outcome = weigh(weighing, clock())
        unknown = [one for one in outcome.unknown if one not in asked.tags]
        if not unknown:
            return outcome
        _ask(weighing, unknown, asked, reader, clock, scope)
    return replace(outcome, lacks=True)


def _ask(
    weighing: Weighing,
    unknown: list[tuple[int, str]],
    asked: _Asked,
    reader: SourceReader,
    clock: Callable[[], datetime],
    scope: SessionScope,
) -> None:
    """Ask for the digests of tags and write them down; a tag that is not there is remembered as absent."""
    by_source = {facts.source_id: facts for facts in weighing.facts}
    for source_id, name in unknown:
        facts = by_source[source_id]
        asked.tags.add((source_id, name))
        platforms = facts.policy is not None and needs_details(facts.policy)
        try:
            tag = reader.detail(facts.spec, facts.account, name, platforms=platforms)
        except NotFound:
            asked.absent.add((source_id, name))
            continue
        except TidegateError as error:
            raise CouldNotAsk(source_id, error) from error
        with scope() as session:
            source, now = lookups.take(session, Source, source_id), clock()
            source.unknown_since, source.failures, source.last_error = None, 0, None
            source.last_look_at = source.last_look_at if source.next_look_at else now
            audit_moves(session, source, seen.note_detail(session, source, tag, seen_by="choosing", now=now), now)


def _lease(session: Session, application_id: int, now: datetime) -> bool:
    application = lookups.take(session, Application, application_id)
    is_time = application.choose_at is not None and application.choose_at <= now
    if not is_time or not is_free(application.choose_lease, now) or application.removed_at is not None:
        return False
    application.choose_lease = application.choose_at = now + timedelta(seconds=LEASE_SECONDS)
    return True


def _settle(session: Session, application_id: int, outcome: Outcome, now: datetime) -> None:
    """Write down what was chosen, or why nothing was, and when it may be otherwise."""
    application = lookups.take(session, Application, application_id)
    result = outcome.result
    if isinstance(result, Combination):
        application.choice = f"{result.version} is what its policies choose"
        for upstream in application.upstreams:
            if (choice := result.choices.get(upstream.alias)) is not None:
                upstream.newest, upstream.reason = choice.tag, choice.reason
        _discover(session, application_id, result, audit.SYSTEM, now)
    else:
        application.choice = result.reason
    asks_again = outcome.lacks or (isinstance(result, Waiting) and result.asks_again)
    pause = application.poll_seconds if asks_again else _recheck_seconds(application_id)
    later = min(outcome.again_at or datetime.max.replace(tzinfo=now.tzinfo), now + timedelta(seconds=pause))
    _end(session, application, max(later, now + timedelta(seconds=1)))


def _recheck_seconds(application_id: int) -> float:
    """Return a pause of an hour or up to a quarter less, each application its own: those declared together do not stay together."""
    return RECHECK_SECONDS * (1 - application_id * GOLDEN % 1 / 4)


def _fail(session: Session, application_id: int, failure: CouldNotAsk, now: datetime) -> None:
    """A source did not answer: nothing is concluded, it is shown as unknown, and the application waits."""
    source = lookups.take(session, Source, failure.source_id)
    source.failures += 1
    source.unknown_since, source.last_error = source.unknown_since or now, failure.error.message
    application = lookups.take(session, Application, application_id)
    application.choice = failure.error.message
    _end(session, application, now + backoff(source.failures, base=5.0, cap=600.0))


def _end(session: Session, application: Application, later: datetime) -> None:
    """Give the lease back. What became known while tags were weighed is weighed at once."""
    was_nudged = application.choose_at != application.choose_lease
    application.choose_lease = None
    if was_nudged:
        nudge(session, "application_choose", application.id)
    else:
        application.choose_at = later


def _discover(session: Session, application_id: int, result: Combination, seen_by: str, now: datetime) -> bool:
    """Make the release of a combination whose digests are all known. Says whether there was none of it yet."""
    application = lookups.get(session, Application, application_id)
    digests = seen.tags_of(session, [upstream.source_id for upstream in application.upstreams])
    parts = {}
    for upstream in application.upstreams:
        choice = result.choices[upstream.alias]
        digest = next(tag.digest for tag in digests[upstream.source_id] if tag.name == choice.tag)
        parts[upstream.alias] = Part(tag=choice.tag, version=choice.version, digest=digest)
    made = release_discover(
        session, application=application, version=result.version, parts=parts, seen_by=seen_by, now=now
    )
    return made is not None
