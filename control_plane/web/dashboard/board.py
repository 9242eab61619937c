"""The overview as a departures board: one row per application, one cell per stage, the way of its newest release filled. PURE."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from control_plane.domain.timelines import TROUBLE
from control_plane.store.queries.overview import (
    ApplicationFacts,
    FleetCount,
    OverviewFacts,
    PromotionFacts,
    ReleaseFacts,
    RolloutFacts,
    UpstreamFacts,
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One stage. ``track`` is ``passed``, ``here`` or ``ahead`` for the newest release; ``kind`` and ``state`` as in ``words``."""

    stage: str
    track: str
    version: str = ""
    since: datetime | None = None
    kind: str = ""
    state: str = ""
    reason: str = ""
    next_at: datetime | None = None
    href: str = ""
    coming: "Cell | None" = None


@dataclass(frozen=True, slots=True)
class Fleet:
    """How far the clusters that follow are: counts, and the version that most of them run."""

    version: str = ""
    total: int = 0
    healthy: int = 0
    moving: int = 0
    trouble: int = 0
    track: str = "ahead"
    rollout_id: int | None = None
    rollout: str = ""

    @property
    def waiting(self) -> int:
        """Clusters that neither run it nor say why."""
        return max(0, self.total - self.healthy - self.moving - self.trouble)

    @property
    def tone(self) -> str:
        """The colour of the whole."""
        if self.trouble or self.rollout == "halted":
            return "bad"
        if self.moving or self.rollout == "rolling":
            return "move"
        return "good" if self.healthy >= self.total else "wait"


@dataclass(frozen=True, slots=True)
class Row:
    """One application."""

    name: str
    description: str
    cells: tuple[Cell, ...]
    fleet: Fleet


@dataclass(slots=True)
class Board:
    """All rows; ``channels`` are the columns between rehearsal and fleet."""

    channels: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)


def board(facts: OverviewFacts) -> Board:
    """Arrange the facts."""
    channels = _columns(facts.applications)
    releases = {release.application_id: release for release in facts.releases}
    return Board(channels, [_row(app, channels, releases.get(app.id), facts) for app in facts.applications])


def _columns(applications: Iterable[ApplicationFacts]) -> list[str]:
    """Return every channel once, earlier stages first, as the applications order them."""
    places: dict[str, int] = {}
    for application in applications:
        for place, name in enumerate(application.channels):
            places[name] = max(places.get(name, 0), place)
    return sorted(places, key=lambda name: (places[name], name))


def _row(app: ApplicationFacts, channels: list[str], newest: ReleaseFacts | None, facts: OverviewFacts) -> Row:
    promotions = [promotion for promotion in facts.promotions if promotion.application_id == app.id]
    upstreams = [upstream for upstream in facts.upstreams if upstream.application_id == app.id]
    cells = [_upstream(app, newest, upstreams), _rehearsal(app, newest)]
    cells += [_channel(app, name, newest, [one for one in promotions if one.channel == name]) for name in channels]
    return Row(app.name, app.description, tuple(cells), _fleet(app, newest, promotions, facts))


def _upstream(app: ApplicationFacts, newest: ReleaseFacts | None, upstreams: list[UpstreamFacts]) -> Cell:
    silent = next((one for one in upstreams if one.unknown_since), None)
    looked = max((one.last_look_at for one in upstreams if one.last_look_at), default=None)
    return Cell(
        stage="Upstream",
        track="passed" if newest else "ahead",
        version=newest.version if newest else "",
        since=newest.discovered_at if newest else looked,
        kind="upstream",
        state="unknown" if silent else "answers" if looked else "new",
        reason=(silent.last_error or "") if silent else "",
        href=_release_href(app.name, newest.version) if newest else f"/applications/{quote(app.name)}",
    )


def _rehearsal(app: ApplicationFacts, newest: ReleaseFacts | None) -> Cell:
    if newest is None:
        return Cell(stage="Rehearsal", track="ahead")
    return Cell(
        stage="Rehearsal",
        track="passed" if newest.state == "verified" else "here",
        version=newest.version,
        since=newest.since,
        kind="release",
        state=newest.state,
        reason=newest.step or ("" if newest.state == "verified" else newest.reason),
        href=_release_href(app.name, newest.version),
    )


def _channel(app: ApplicationFacts, name: str, newest: ReleaseFacts | None, mine: list[PromotionFacts]) -> Cell:
    if name not in app.channels:
        return Cell(stage=name, track="none")
    published = next((one for one in mine if one.state == "published"), None)
    coming = max((one for one in mine if one.state != "published"), key=lambda one: one.id, default=None)
    has_newest = published is not None and newest is not None and published.release_id == newest.id
    track = "passed" if has_newest else "here" if coming and newest and coming.release_id == newest.id else "ahead"
    next_cell = _promotion(name, track, coming) if coming else None
    if published is None:
        return Cell(stage=name, track=track, coming=next_cell)
    return Cell(
        stage=name,
        track=track,
        version=published.version,
        since=published.since,
        kind="promotion",
        state=published.state,
        href=_release_href(app.name, published.version),
        coming=next_cell,
    )


def _promotion(name: str, track: str, promotion: PromotionFacts) -> Cell:
    return Cell(
        stage=name,
        track=track,
        version=promotion.version,
        since=promotion.since,
        kind="promotion",
        state=promotion.state,
        reason=promotion.reason,
        next_at=promotion.waits_until,
        href=f"/promotions/{promotion.id}",
    )


def _fleet(
    app: ApplicationFacts, newest: ReleaseFacts | None, promotions: list[PromotionFacts], facts: OverviewFacts
) -> Fleet:
    published = {one.channel_id: one for one in promotions if one.state == "published"}
    counts = [one for one in facts.fleet if one.application == app.name]
    total = sum(facts.clusters.get(channel_id, 0) for channel_id in published)
    if not total:
        return Fleet()
    sums = Counter[str]()
    for one in counts:
        sums[_place_of(one, published)] += one.count
    rollout = _rollout(published, facts)
    complete = sums["healthy"] >= total
    arrived = newest is not None and all(
        one.release_id == newest.id for one in published.values() if facts.clusters.get(one.channel_id)
    )
    return Fleet(
        version=_commonest(counts),
        total=total,
        healthy=sums["healthy"],
        moving=sums["moving"],
        trouble=sums["trouble"],
        track="ahead" if not arrived else "passed" if complete else "here",
        rollout_id=rollout.id if rollout else None,
        rollout=rollout.state if rollout else "",
    )


def _rollout(published: dict[int, PromotionFacts], facts: OverviewFacts) -> RolloutFacts | None:
    """The rollout that spreads this application now, one that is halted first.

    Generations that changed others only are not its matter, nor are channels that no cluster follows.
    """
    found = [
        (one.generation, facts.rollouts[key])
        for key, one in published.items()
        if facts.clusters.get(key) and key in facts.rollouts
    ]
    own = [rollout for generation, rollout in found if generation == rollout.generation]
    return next((one for state in ("halted", "rolling") for one in own if one.state == state), None)


def _place_of(one: FleetCount, published: dict[int, PromotionFacts]) -> str:
    if one.outcome in TROUBLE:
        return "trouble"
    if one.outcome == "applying":
        return "moving"
    wanted = published.get(one.channel_id)
    return "healthy" if wanted and one.running == wanted.version else "behind"


def _commonest(counts: list[FleetCount]) -> str:
    versions = Counter[str]()
    for one in counts:
        if one.running:
            versions[one.running] += one.count
    return versions.most_common(1)[0][0] if versions else ""


def _release_href(application: str, version: str) -> str:
    return f"/applications/{quote(application)}/releases/{quote(version)}"
