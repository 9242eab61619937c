"""Two releases of one application, and what publishers said about its versions."""

from typing import Any

from sqlalchemy import Text, select, type_coerce
from sqlalchemy.orm import Session

from control_plane.domain.errors import NotFound
from control_plane.store.models import Application, Release, SourceTag, Upstream


def two_releases(session: Session, application: str, before: str, after: str) -> tuple[Release, Release]:
    """Return the two releases. Raises ``NotFound`` naming the one that is not there."""
    rows = session.scalars(
        select(Release).join(Application).where(Application.name == application, Release.version.in_((before, after)))
    )
    found = {release.version: release for release in rows}
    for version in (before, after):
        if version not in found:
            raise NotFound(f"{application} has no release {version!r}: its page lists all", code="no_release")
    return found[before], found[after]


def versions_of(session: Session, application: str) -> list[str]:
    """Return the versions of an application's releases, newest first."""
    found = select(Release.version).join(Application).where(Application.name == application)
    return list(session.scalars(found.order_by(Release.id.desc())))


def notes_of(session: Session, application_id: int) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the notes (JSON of ``domain.sources.Notes``) that are known of an application's tags, by alias and tag.

    What a listing says goes before what was asked for a release alone.
    """
    made = session.scalars(
        select(Release.parts).where(
            Release.application_id == application_id, type_coerce(Release.parts, Text).contains('"notes"')
        )
    )
    own = {
        (alias, part["tag"]): part["notes"]
        for parts in made
        for alias, part in (parts or {}).items()
        if part.get("notes")
    }
    listed = session.execute(
        select(Upstream.alias, SourceTag.name, SourceTag.detail)
        .join(SourceTag, SourceTag.source_id == Upstream.source_id)
        .where(Upstream.application_id == application_id, type_coerce(SourceTag.detail, Text).contains('"notes"'))
    )
    return own | {(row.alias, row.name): row.detail["notes"] for row in listed if "notes" in row.detail}
