"""Reads about the places where versions appear, and about what people keep out."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from control_plane.domain.errors import NotFound
from control_plane.store.models import Application, Quarantine
from control_plane.store.queries.pages import sources_page
from control_plane.store.reads.fill import fill
from control_plane.store.reads.rows import QuarantineRow, SourceRow


def sources(session: Session) -> list[SourceRow]:
    """Every place that an application names. Three queries."""
    return [
        fill(
            SourceRow,
            source,
            place=source.location,
            applications=sorted({one.application.name for one in source.upstreams}),
            tags=tags,
        )
        for source, tags in sources_page(session)
    ]


def quarantines(session: Session, *, application: str) -> list[QuarantineRow]:
    """The quarantines of an application that nobody lifted, oldest first; those that are over by time too. ``NotFound``."""
    owner = session.scalar(select(Application.id).where(Application.name == application))
    if owner is None:
        raise NotFound(f"there is no application {application!r}: see `tidegate app list`", code="application_unknown")
    rows = session.scalars(select(Quarantine).filter_by(application_id=owner, lifted_at=None).order_by(Quarantine.id))
    return [fill(QuarantineRow, row) for row in rows]
