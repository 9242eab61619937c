"""What is known of the places that a written application file names: nothing is locked, nothing is changed."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from control_plane.store.models import Application, Channel, Cluster, Source


def application_or_none(session: Session, name: str) -> Application | None:
    """Return the application, removed ones too."""
    return session.scalar(select(Application).where(Application.name == name))


def sources_by_key(session: Session, keys: Sequence[str]) -> dict[str, Source]:
    """Return those sources that somebody named before, by key."""
    return {source.key: source for source in session.scalars(select(Source).where(Source.key.in_(keys)))}


def followers(session: Session, channels: Sequence[str]) -> int:
    """Return how many enrolled clusters follow any of these channels."""
    found = select(func.count()).select_from(Cluster).join(Channel, Channel.id == Cluster.channel_id)
    return session.scalar(found.where(Channel.name.in_(channels), Cluster.enrolled_at.is_not(None))) or 0
