"""How a rollout went over time: how many clusters were healthy, applying, in trouble or waiting. PURE.

A cluster is healthy once everything that the generation wants was reported healthy on it, in trouble while anything is not, applying while
anything of it is being applied. Times are ours, of when a report came: agents' clocks may be wrong.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

TROUBLE = frozenset({"failed", "refused", "rolled_back"})
LEFT = frozenset({"left", "uninstalled"})  # not of the channel any more
MOST_POINTS = 60


@dataclass(frozen=True, slots=True)
class Seen:
    """What a cluster reported about one application on the generation."""

    at: datetime
    cluster_id: int
    application: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Point:
    """The clusters of a channel at one moment."""

    at: datetime
    healthy: int
    applying: int
    trouble: int
    waiting: int


def timeline(
    seen: Iterable[Seen], *, clusters: int, wanted: frozenset[str], started_at: datetime, until: datetime
) -> tuple[Point, ...]:
    """Return the points at which something changed, in order of time, at most ``MOST_POINTS``: the last of each stretch of time.

    The first is the start, the last is ``until``. ``clusters`` is how many follow; ``wanted`` are the generation's applications.
    """
    outcomes: dict[int, dict[str, str]] = {}
    counts = Counter[str]()
    step = max(until - started_at, timedelta(seconds=1)) / (MOST_POINTS - 2)
    points: dict[int, Point] = {-1: Point(started_at, 0, 0, 0, clusters)}
    for one in sorted(seen, key=lambda one: one.at):
        if one.application not in wanted:
            continue
        of_cluster = outcomes.setdefault(one.cluster_id, {})
        before = _state(of_cluster, wanted)
        of_cluster[one.application] = one.outcome
        after = _state(of_cluster, wanted)
        if before == after:
            continue
        counts[before] -= 1
        counts[after] += 1
        at = min(max(one.at, started_at), until)
        points[int((at - started_at) / step)] = _point(at, counts, clusters)
    found = [points[place] for place in sorted(points)]
    if found[-1].at < until:
        found.append(_point(until, counts, clusters))
    return tuple(found)


def _state(outcomes: Mapping[str, str], wanted: frozenset[str]) -> str:
    if any(outcome in TROUBLE for outcome in outcomes.values()):
        return "trouble"
    if any(outcome == "applying" for outcome in outcomes.values()):
        return "applying"
    return "healthy" if wanted and all(outcomes.get(one) == "healthy" for one in wanted) else "waiting"


def _point(at: datetime, counts: Counter[str], clusters: int) -> Point:
    healthy, applying, trouble = counts["healthy"], counts["applying"], counts["trouble"]
    return Point(at, healthy, applying, trouble, max(0, clusters - healthy - applying - trouble))
