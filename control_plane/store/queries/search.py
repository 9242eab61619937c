"""Search: applications, releases, clusters and channels whose name holds the words."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from control_plane.store.models import Application, Channel, Cluster, Release

MOST_HITS = 20


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found; ``releases`` are (application, version, state)."""

    applications: tuple[str, ...]
    releases: tuple[tuple[str, str, str], ...]
    clusters: tuple[str, ...]
    channels: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.applications or self.releases or self.clusters or self.channels)


def search(session: Session, text: str) -> Hits:
    """Return up to ``MOST_HITS`` of each kind. ``text`` may be ``APPLICATION VERSION``, a version, a name or a digest."""
    if not text:
        return Hits((), (), (), ())
    words = text.split()
    named = select(Application.name).where(Application.name.icontains(words[0], autoescape=True))
    clusters = select(Cluster.name).where(Cluster.name.icontains(text, autoescape=True))
    channels = select(Channel.name).where(Channel.name.icontains(text, autoescape=True))
    return Hits(
        applications=tuple(session.scalars(named.order_by(Application.name).limit(MOST_HITS))),
        releases=_releases(session, words),
        clusters=tuple(session.scalars(clusters.order_by(Cluster.name).limit(MOST_HITS))),
        channels=tuple(session.scalars(channels.order_by(Channel.name).limit(MOST_HITS))),
    )


def _releases(session: Session, words: list[str]) -> tuple[tuple[str, str, str], ...]:
    found = select(Application.name, Release.version, Release.state).join(Application)
    for word in words:
        matches = Application.name.icontains(word, autoescape=True) | Release.version.icontains(word, autoescape=True)
        found = found.where(matches | (Release.digest == word) | (Release.chart_digest == word))
    rows = session.execute(found.order_by(Release.id.desc()).limit(MOST_HITS))
    return tuple((row[0], row[1], row[2]) for row in rows)
