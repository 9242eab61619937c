"""Use case: check the first-seen logs. Whatever is found damaged is told, nothing is mended: a person has to know."""

from dataclasses import dataclass

from control_plane.domain.first_seen import first_damage
from control_plane.store import lookups, seen
from control_plane.store.models import Source
from control_plane.store.session import Session


@dataclass(frozen=True, slots=True)
class LogCheck:
    """What became of checking one source's log: ``rows`` read, and the first ``damage`` in words (empty: none)."""

    source: str
    rows: int
    damage: str


def logs_verify(session: Session) -> list[LogCheck]:
    """Check every row of every source's log, and that the ages which policies use are those of the log."""
    return [_verify(session, source) for source in lookups.all_sources(session)]


def _verify(session: Session, source: Source) -> LogCheck:
    links = seen.log_of(session, source)
    damage = first_damage(links, length=source.log_length, head=source.log_head) or _wrong_age(session, source)
    return LogCheck(source.location, len(links), damage)


def _wrong_age(session: Session, source: Source) -> str:
    """A tag's age is kept beside its digest, where it is quick to read; it has to be what the log says."""
    logged = seen.log_ages(session, source.id)
    for tag in seen.tags_of(session, [source.id])[source.id]:
        if tag.first_seen_at is not None and logged.get((tag.name, tag.digest)) != tag.first_seen_at:
            return f"the tag {tag.name} has another age than its row in the log"
    return ""
