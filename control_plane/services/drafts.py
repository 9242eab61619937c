"""An application file while somebody writes it: is it right, what would its policies choose, what would it change. Only reads.

Tags are those that were seen at the very place, for whichever application; or a list that a person pastes. They are weighed as
``choosing`` weighs them, by the same functions: what is promised here is what happens after applying.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from control_plane.domain.applications import Declaration, UpstreamSpec
from control_plane.domain.differences import Change
from control_plane.domain.errors import InvalidInput, Mistake, NotFound, Place
from control_plane.domain.versions.combining import Combination
from control_plane.domain.versions.policy import Policy, Tag
from control_plane.domain.versions.ranges import InvalidRange
from control_plane.domain.versions.selection import explain, named_only
from control_plane.domain.versions.words import policy_words
from control_plane.services.applications import OwnerOf
from control_plane.services.choosing import Facts, Weighing, context_of, current_parts, quarantines_of, weigh
from control_plane.services.declarations import encode, file_changes, file_of
from control_plane.services.explaining import TagRow, tag_rows
from control_plane.services.looks import SourceReader
from control_plane.services.sources import key_of
from control_plane.store import seen
from control_plane.store.models import Application, Source
from control_plane.store.queries.drafts import application_or_none, sources_by_key
from control_plane.store.session import Session
from control_plane.upstreams.application_file import parse_application_file
from control_plane.upstreams.places_file import at
from control_plane.upstreams.policy_edit import policy_path, policy_places, with_policy
from control_plane.upstreams.published_values import published_secrets
from control_plane.upstreams.yaml_source import read_yaml

FILE = "application.yaml"
Origin = Literal["seen", "pasted", "unseen", "chart"]


class DraftUpstream(msgspec.Struct, frozen=True, kw_only=True):
    """One upstream of the file. ``policy`` is None, and ``origin`` is ``chart``, where it has its chart's tag.

    ``tags`` are weighed, the chosen one first. ``origin`` says whose they are: ``seen`` at the place (last at ``last_look_at``),
    ``pasted`` by a person, or ``unseen``: nobody has looked there yet. ``current`` is what the application follows now.
    ``field`` is where the file says what is wanted.
    """

    alias: str
    role: str
    kind: str
    place: str
    field: str
    policy: Policy | None
    words: str
    origin: Origin
    tags: tuple[TagRow, ...] = ()
    current: str = ""
    last_look_at: datetime | None = None
    problem: str = ""

    @property
    def chosen(self) -> TagRow | None:
        """The tag that would be taken."""
        return next((row for row in self.tags if row.chosen), None)


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it is written. ``declaration`` is None while there are mistakes.

    ``release`` is the version of the release that it would make of the tags known here; where it would make none ``waits`` says why.
    ``changes`` say how it differs from what is declared now (None: nothing is).
    ``warnings`` are about what may be applied, and is perhaps not meant.
    """

    text: str
    declaration: Declaration | None = None
    problem: str = ""
    mistakes: tuple[Mistake, ...] = ()
    warnings: tuple[Mistake, ...] = ()
    upstreams: tuple[DraftUpstream, ...] = ()
    release: str = ""
    waits: str = ""
    changes: tuple[Change, ...] | None = None

    @property
    def is_same(self) -> bool:
        """Whether it says what is declared already."""
        return self.changes == ()


def draft_read(
    session: Session,
    *,
    text: str,
    application: Application | None,
    pasted: Mapping[str, Sequence[str]],
    owner_of: OwnerOf,
    now: datetime,
) -> Draft:
    """Read a file that changes ``application``, or declares a new one. ``pasted`` are lists of tags by upstream's alias."""
    try:
        declaration = parse_application_file(text, file=FILE, kept_suite=kept_suite(application))
        _check_name(session, text, declaration, application)
    except InvalidInput as error:
        return Draft(text=text, problem=error.message, mistakes=error.mistakes or (Mistake(Place(), error.message),))
    places = _places(session, declaration, application, pasted, owner_of)
    kept_out = quarantines_of(session, application.id) if application else ()
    weighing = Weighing(0, declaration, tuple(place.facts for place in places), kept_out)
    release, waits = _outcome(weighing, now)
    return Draft(
        text=text,
        declaration=declaration,
        warnings=published_secrets(text, file=FILE),
        release=release,
        waits=waits,
        upstreams=tuple(_upstream(place, weighing, now) for place in places),
        changes=_changes(application, declaration, text) if application else None,
    )


def _changes(application: Application, declaration: Declaration, text: str) -> tuple[Change, ...]:
    """What is said in other words, with other comments, is the same."""
    is_same = application.declaration == encode(declaration) and application.removed_at is None
    return () if is_same else file_changes(file_of(application), text)


def draft_edit(text: str, policies: Mapping[str, Policy | None], *, application: Application | None) -> str:
    """Return the file in which upstreams (by alias) want these policies; None wants the chart's tag. Nothing else changes.

    Raises ``InvalidInput`` where the file is wrong, or says a policy in a way that cannot be changed apart from the rest.
    """
    suite = kept_suite(application)
    for alias, policy in policies.items():
        before = parse_application_file(text, file=FILE, kept_suite=suite)
        wanted = {one.alias: one.policy for one in before.upstreams} | {alias: policy}
        place = policy_places(before)[alias]
        text = with_policy(text, place, policy)
        if _policies(text, suite) != wanted:
            hint = "it is written together with something else: change it in the file itself"
            mistake = Mistake(Place(policy_path(place), FILE), "cannot be changed apart from the rest", hint)
            raise InvalidInput(f"the policy of {alias} cannot be changed alone", mistakes=(mistake,))
    return text


def _policies(text: str, suite: str | None) -> dict[str, Policy | None] | None:
    """Return the policies of a file by alias, None where it is not right."""
    try:
        declaration = parse_application_file(text, file=FILE, kept_suite=suite)
    except InvalidInput:
        return None
    return {one.alias: one.policy for one in declaration.upstreams}


def draft_look(text: str, alias: str, *, kept_suite: str | None, reader: SourceReader, owner_of: OwnerOf) -> list[str]:
    """Return the tags that the place of an upstream lists right now; nothing is written down.

    Raises ``InvalidInput`` where the file is wrong, and what ``SourceReader.listing`` raises.
    """
    declaration = parse_application_file(text, file=FILE, kept_suite=kept_suite)
    spec = next((one for one in declaration.upstreams if one.alias == alias), None)
    if spec is None:
        raise NotFound(f"the file has no upstream {alias!r}")
    listing = reader.listing(spec.source, owner_of(spec.source, declaration.name), {})
    return [tag.name for tag in listing.tags] if listing is not None else []


def kept_suite(application: Application | None) -> str | None:
    """Return the digest of the suite that came with the application: a change made here goes on with it."""
    return application.declaration.get("suite_digest") if application else None


def _check_name(session: Session, text: str, declaration: Declaration, application: Application | None) -> None:
    if application is not None and declaration.name != application.name:
        hint = f"write {application.name!r}; another name is another application"
        raise _wrong_name(text, "an application keeps its name", hint)
    if application is None and application_or_none(session, declaration.name) is not None:
        raise _wrong_name(text, f"there is an application {declaration.name!r} already", "change that one instead")


def _wrong_name(text: str, problem: str, hint: str) -> InvalidInput:
    value = at(read_yaml(text, file=FILE), "metadata", "name")
    place = Place("metadata.name", FILE, value.line if value else None, value.column if value else None)
    return InvalidInput(f"{FILE} has one mistake", mistakes=(Mistake(place, problem, hint),), code="application_file")


@dataclass(frozen=True, slots=True)
class _NamedPlace:
    """An upstream of the file, its place where anybody named it before, and what ``choosing`` would weigh there."""

    spec: UpstreamSpec
    source: Source | None
    facts: Facts
    origin: Origin


def _places(
    session: Session,
    declaration: Declaration,
    application: Application | None,
    pasted: Mapping[str, Sequence[str]],
    owner_of: OwnerOf,
) -> list[_NamedPlace]:
    """Return every upstream with what would be weighed if the file were applied now."""
    keys = {spec.alias: key_of(spec.source, owner_of(spec.source, declaration.name)) for spec in declaration.upstreams}
    known = sources_by_key(session, list(keys.values()))
    tags = seen.tags_of(session, [source.id for source in known.values()])
    current = current_parts(session, application.id) if application else {}
    found = []
    for position, spec in enumerate(declaration.upstreams):
        source, list_of = known.get(keys[spec.alias]), pasted.get(spec.alias, ())
        there = _named(list_of) if list_of else tags[source.id] if source else ()
        policy = named_only(spec.policy) if spec.policy is not None and list_of else spec.policy
        facts = Facts(
            alias=spec.alias,
            role=spec.role,
            source_id=position,
            spec=spec.source,
            account="",
            policy=policy,
            tags=there,
            current=current.get(spec.alias),
        )
        origin: Origin = "chart" if policy is None else "pasted" if list_of else "seen" if there else "unseen"
        found.append(_NamedPlace(spec, source, facts, origin))
    return found


def _named(names: Sequence[str]) -> tuple[Tag, ...]:
    return tuple(Tag(name=name) for name in dict.fromkeys(names))


def _upstream(place: _NamedPlace, weighing: Weighing, now: datetime) -> DraftUpstream:
    spec, facts, source = place.spec, place.facts, place.source
    rows, problem = _weighed(facts, weighing, now)
    return DraftUpstream(
        alias=spec.alias,
        role=spec.role,
        kind=spec.source.kind,
        place=spec.source.location,
        field=policy_path(policy_places(weighing.declaration)[spec.alias]),
        policy=spec.policy,
        words=policy_words(spec.policy),
        origin=place.origin,
        tags=rows,
        current=facts.current.tag if facts.current else "",
        last_look_at=source.last_look_at if source else None,
        problem=problem,
    )


def _weighed(facts: Facts, weighing: Weighing, now: datetime) -> tuple[tuple[TagRow, ...], str]:
    """Return the tags with their verdicts, and why there are none where the policy cannot be read."""
    if facts.policy is None:
        return (), ""
    try:
        return tuple(tag_rows(explain(facts.policy, facts.tags, context_of(facts, weighing.quarantines, now)))), ""
    except InvalidRange as error:
        return (), str(error)


def _outcome(weighing: Weighing, now: datetime) -> tuple[str, str]:
    """Return the version of the release that would be made, or why none would."""
    try:
        result = weigh(weighing, now).result
    except InvalidRange as error:
        return "", str(error)
    return (result.version, "") if isinstance(result, Combination) else ("", result.reason)
