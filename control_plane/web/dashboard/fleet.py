"""Clusters for people: one state each, with its reason, and how far a generation has come. PURE."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from control_plane.domain.timelines import LEFT, TROUBLE
from control_plane.store.models import Cluster, Installation


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """A cluster and its state: ``invited``, ``silent``, ``troubled``, ``applying``, ``healthy`` or ``waiting``."""

    cluster: Cluster
    state: str
    words: str


@dataclass(slots=True)
class Progress:
    """The clusters of a rollout, by what they did with its generation."""

    healthy: list[ClusterRow] = field(default_factory=list)
    applying: list[ClusterRow] = field(default_factory=list)
    trouble: list[ClusterRow] = field(default_factory=list)
    waiting: list[ClusterRow] = field(default_factory=list)
    silent: list[ClusterRow] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many clusters follow."""
        return sum(len(part) for part in (self.healthy, self.applying, self.trouble, self.waiting, self.silent))

    @property
    def parts(self) -> list[tuple[str, str, list[ClusterRow]]]:
        """Title, tone and clusters of each part, in the order in which people look."""
        return [
            ("Failed or rolled back", "bad", self.trouble),
            ("Applying", "move", self.applying),
            ("Waiting", "quiet", self.waiting),
            ("Silent", "wait", self.silent),
            ("Healthy", "good", self.healthy),
        ]


def cluster_row(cluster: Cluster, *, now: datetime, silent_after: float) -> ClusterRow:
    """Return the cluster with its one state; ``silent_after`` is in seconds."""
    if cluster.enrolled_at is None:
        return ClusterRow(cluster, "invited", "its agent has not used the join token yet")
    if _is_silent(cluster, now, silent_after):
        return ClusterRow(cluster, "silent", "its agent does not call: nothing is known of it since then")
    return _by_installations(cluster, cluster.installations)


def _is_silent(cluster: Cluster, now: datetime, silent_after: float) -> bool:
    heard = cluster.last_contact_at or cluster.enrolled_at
    return heard is not None and now - heard > timedelta(seconds=silent_after)


def _by_installations(cluster: Cluster, installations: Iterable[Installation]) -> ClusterRow:
    ordered = sorted(installations, key=lambda one: one.since, reverse=True)
    troubled = next((one for one in ordered if one.outcome in TROUBLE), None)
    if troubled is not None:
        return ClusterRow(cluster, "troubled", troubled.message or troubled.code)
    applying = next((one for one in ordered if one.outcome == "applying"), None)
    if applying is not None:
        return ClusterRow(cluster, "applying", f"{applying.application} {applying.wanted or ''}".strip())
    if any(one.outcome not in LEFT for one in ordered):
        return ClusterRow(cluster, "healthy", "")
    return ClusterRow(cluster, "waiting", "its applications left the channel" if ordered else "")


def progress(clusters: Iterable[Cluster], *, generation: int, now: datetime, silent_after: float) -> Progress:
    """Sort the enrolled clusters of a channel by what they did with ``generation``."""
    sorted_out = Progress()
    for cluster in clusters:
        if cluster.enrolled_at is not None:
            _part_of(sorted_out, cluster, generation, now, silent_after).append(
                cluster_row(cluster, now=now, silent_after=silent_after)
            )
    return sorted_out


def _part_of(
    parts: Progress, cluster: Cluster, generation: int, now: datetime, silent_after: float
) -> list[ClusterRow]:
    about = [one for one in cluster.installations if one.generation >= generation]
    if any(one.outcome in TROUBLE for one in about):
        return parts.trouble
    if any(one.outcome == "applying" for one in about):
        return parts.applying
    if cluster.generation >= generation:
        return parts.healthy
    return parts.silent if _is_silent(cluster, now, silent_after) else parts.waiting
