"""What is known of a source's tags, for people."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from control_plane.store.models import SourceTag


@dataclass(frozen=True, slots=True)
class Sighting:
    """When a tag was seen first (with ``digest``, where that is known), when it moved last, and when it was listed no more."""

    digest: str
    first_seen_at: datetime
    moved_at: datetime | None
    gone_at: datetime | None


def sightings_of(session: Session, source_id: int) -> dict[str, Sighting]:
    """Return what is known of every tag ever seen of a source, by the tag's name. One query."""
    columns = (SourceTag.digest, SourceTag.first_seen_at, SourceTag.moved_at, SourceTag.gone_at)
    rows = session.execute(select(SourceTag.name, *columns).where(SourceTag.source_id == source_id))
    return {row.name: Sighting(row.digest, row.first_seen_at, row.moved_at, row.gone_at) for row in rows}
