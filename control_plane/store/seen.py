"""What was seen of a source: its tags as they are now, and its append-only first-seen log. Both are written together, in bulk.

The source's row must be locked by the caller (its look's lease, or ``lookups.take``): the log has one writer at a time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from control_plane.domain import first_seen
from control_plane.domain.first_seen import Sight
from control_plane.domain.versions.policy import Tag
from control_plane.store.models import FirstSight, Source, SourceTag

DETAILS = ("created_at", "platforms", "prerelease", "withheld")


@dataclass(frozen=True, slots=True)
class Moved:
    """A tag that names another digest than before."""

    tag: str
    before: str
    digest: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What a look found changed."""

    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    moved: tuple[Moved, ...] = ()
    others: bool = field(default=False)

    def __bool__(self) -> bool:
        return bool(self.new or self.gone or self.moved or self.others)


def tags_of(session: Session, source_ids: Iterable[int]) -> dict[int, tuple[Tag, ...]]:
    """Return every tag ever seen of each source, those that are gone too, by the source's id."""
    ids = list(dict.fromkeys(source_ids))
    columns = (SourceTag.source_id, SourceTag.name, SourceTag.digest, SourceTag.first_seen_at, SourceTag.gone_at)
    found: dict[int, list[Tag]] = {one: [] for one in ids}
    for row in session.execute(select(*columns, SourceTag.detail).where(SourceTag.source_id.in_(ids))):
        found[row.source_id].append(_tag(row))
    return {one: tuple(tags) for one, tags in found.items()}


def _tag(row: Any) -> Tag:
    """Age is a digest's: of a tag whose digest nobody asked for it is not known."""
    known = {"name": row.name, "digest": row.digest, "gone": row.gone_at is not None}
    known["first_seen_at"] = row.first_seen_at if row.digest else None
    if not row.detail:
        return Tag(**known)
    details = {name: row.detail[name] for name in DETAILS if name in row.detail}
    return msgspec.convert({**known, **details}, Tag)


def note_listing(
    session: Session, source: Source, tags: Sequence[Tag], notes: Mapping[str, Any], *, seen_by: str, now: datetime
) -> Changes:
    """Write down a whole listing: new tags, tags that are back or gone, digests that the listing itself names."""
    known = {row.name: row for row in session.scalars(select(SourceTag).filter_by(source_id=source.id))}
    listed = {tag.name: tag for tag in tags}
    new = [tag for name, tag in listed.items() if name not in known]
    _insert(session, source, new, notes, seen_by, now)
    gone = [row for name, row in known.items() if name not in listed and row.gone_at is None]
    for row in gone:
        row.gone_at = now
    moved, others = [], False
    for name in listed.keys() & known.keys():
        tag, row = listed[name], known[name]
        others |= row.gone_at is not None or _learn(row, tag, notes.get(name), is_listed=True)
        row.gone_at = None
        if (move := _note_digest(session, source, row, tag.digest, seen_by, now)) is not None:
            moved.append(move)
    session.flush()
    return Changes(tuple(tag.name for tag in new), tuple(row.name for row in gone), tuple(moved), others)


def note_detail(session: Session, source: Source, tag: Tag, *, seen_by: str, now: datetime) -> Changes:
    """Write down what was learned of one tag: its digest, and what else is known now."""
    row = session.scalar(select(SourceTag).filter_by(source_id=source.id, name=tag.name))
    if row is None:
        _insert(session, source, [tag], {}, seen_by, now)
        return Changes(new=(tag.name,))
    others, is_first = _learn(row, tag, None) or row.gone_at is not None, not row.digest and bool(tag.digest)
    row.gone_at = None
    moved = _note_digest(session, source, row, tag.digest, seen_by, now)
    session.flush()
    return Changes(moved=(moved,) if moved else (), others=others or is_first)


def _insert(
    session: Session, source: Source, tags: Sequence[Tag], notes: Mapping[str, Any], seen_by: str, now: datetime
) -> None:
    if not tags:
        return
    rows = [
        {
            "source_id": source.id,
            "name": tag.name,
            "digest": tag.digest,
            "first_seen_at": now,
            "detail": _details(tag, notes.get(tag.name)),
        }
        for tag in tags
    ]
    session.execute(insert(SourceTag), rows)
    _append(session, source, [_sight(source, tag.name, tag.digest, seen_by, now) for tag in tags])


def _note_digest(
    session: Session, source: Source, row: SourceTag, digest: str, seen_by: str, now: datetime
) -> Moved | None:
    """Age counts from the first sight of the very digest: one that is new for its tag begins at zero."""
    if not digest or digest == row.digest:
        return None
    before, row.digest = row.digest, digest
    statement = select(FirstSight.first_seen_at).filter_by(source_id=source.id, tag=row.name, digest=digest)
    earlier = session.scalar(statement.order_by(FirstSight.position).limit(1))
    row.first_seen_at = earlier or now  # a tag that moves back to what it named has the age of that
    if earlier is None:
        _append(session, source, [_sight(source, row.name, digest, seen_by, now)])
    if not before:
        return None
    row.moved_at = now
    return Moved(row.name, before, digest)


def _append(session: Session, source: Source, sights: Sequence[Sight]) -> None:
    links = first_seen.append(source.log_head, source.log_length, sights)
    rows = [
        {
            "source_id": source.id,
            "position": link.position,
            "sha256": link.sha256,
            "tag": link.sight.tag,
            "digest": link.sight.digest,
            "first_seen_at": link.sight.first_seen_at,
            "seen_by": link.sight.seen_by,
        }
        for link in links
    ]
    session.execute(insert(FirstSight), rows)
    head, length = links[-1].sha256, links[-1].position
    ended = update(Source).where(Source.id == source.id).values(log_head=head, log_length=length)
    session.execute(ended.execution_options(synchronize_session=False))
    source.log_head, source.log_length = head, length


def _sight(source: Source, tag: str, digest: str, seen_by: str, at: datetime) -> Sight:
    return Sight(source=source.key, tag=tag, digest=digest, first_seen_at=at, seen_by=seen_by)


def _details(tag: Tag, notes: Any) -> dict[str, Any]:
    known = {name: msgspec.to_builtins(value) for name in DETAILS if (value := getattr(tag, name)) not in (None, "")}
    return {**known, "notes": msgspec.to_builtins(notes)} if notes is not None else known


def _learn(row: SourceTag, tag: Tag, notes: Any, *, is_listed: bool = False) -> bool:
    """Take over what is known newly of a tag; a listing also says what is withheld no more. Says whether that changed anything."""
    merged = {**row.detail, **_details(tag, notes)}
    if is_listed and not tag.withheld:
        merged.pop("withheld", None)
    if merged == row.detail:
        return False
    row.detail = merged
    return True
