"""Use cases of the charts that we keep: what a release needs is there, or a person is told; what nobody needs goes.

The database says which charts are needed, the files which are there. A chart that was lost or damaged is fetched again from where it
came, and believed by its digest alone. Any step may be repeated, or be cut off by a kill.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec
import structlog

from control_plane.domain.errors import TidegateError, Transient
from control_plane.domain.kept_charts import is_needed, unneeded
from control_plane.domain.releases import Part
from control_plane.domain.sources import SourceSpec
from control_plane.publishing.artifacts import (
    artifact_is_whole,
    artifact_keep,
    artifact_remove,
    artifacts_kept,
)
from control_plane.publishing.storage import Storage
from control_plane.services import audit
from control_plane.services.declarations import declaration_of
from control_plane.store import lookups
from control_plane.store.kept import KEPT, KeptChart, kept_charts
from control_plane.store.models import Application, Release
from control_plane.store.session import Session, SessionScope, session_scope

log = structlog.get_logger(__name__)


class ChartSource(Protocol):
    """What putting a chart back needs of the outside."""

    def chart(self, spec: SourceSpec, account: str, tag: str, digest: str) -> bytes:
        """Return the packed chart, verified against ``digest``. Raises what any reading does."""


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where the chart of a release came from."""

    application: str
    spec: SourceSpec
    tag: str
    digest: str


def charts_look_after(
    *, storage: Storage, reader: ChartSource, clock: Callable[[], datetime], scope: SessionScope = session_scope
) -> tuple[int, int]:
    """Put back the charts that were lost, and remove those that nobody needs. Return how many of each."""
    with scope() as session:
        charts = kept_charts(session)
    needed = [chart for chart in charts if chart.is_resolved and is_needed(chart.holder)]
    whole = {digest for digest in {chart.digest for chart in needed} if artifact_is_whole(storage, digest)}
    suspects = [chart for chart in needed if chart.digest not in whole or chart.is_lost]
    common = {"storage": storage, "reader": reader, "clock": clock, "scope": scope}
    restored = sum(chart_restore(release_id=chart.release_id, **common) for chart in suspects)  # type: ignore[arg-type]
    forgotten = [chart.release_id for chart in charts if chart.is_lost and not is_needed(chart.holder)]
    for release_id in forgotten:
        with scope() as session:
            _found(session, release_id)
    return restored, _prune(storage, clock, scope)


def chart_restore(
    *,
    release_id: int,
    storage: Storage,
    reader: ChartSource,
    clock: Callable[[], datetime],
    scope: SessionScope = session_scope,
) -> bool:
    """Fetch the kept chart of a release again where it is lost or damaged. Says whether it did; a failure is written down for people."""
    with scope() as session:
        origin = _origin(session, release_id)
    if origin is None:
        return False
    if artifact_is_whole(storage, origin.digest):
        with scope() as session:
            _found(session, release_id)
        return False
    try:
        content = reader.chart(origin.spec, origin.application, origin.tag, origin.digest)
    except TidegateError as error:
        with scope() as session:
            _lost(session, release_id, origin, error, clock())
        return False
    artifact_keep(storage, content)
    with scope() as session:
        release = _found(session, release_id)
        why = f"its chart was lost or damaged, and {origin.spec.location} had it still"
        audit.record(
            session, release, "chart_restored", actor=audit.SYSTEM, now=clock(), reason=why, chart_digest=origin.digest
        )
    return True


def _origin(session: Session, release_id: int) -> _Origin | None:
    """Return where a release's kept chart came from; None where it has none."""
    release = lookups.get(session, Release, release_id)
    if release.manifest is None or not release.manifest["artifact"]["ref"].startswith(KEPT):
        return None
    declared, parts = declaration_of(release.application), msgspec.convert(release.parts or {}, dict[str, Part])
    tag = parts["chart"].tag if "chart" in parts else release.version
    return _Origin(declared.name, declared.chart.source, tag, release.chart_digest)


def _found(session: Session, release_id: int) -> Release:
    release = lookups.take(session, Release, release_id)
    release.chart_lost, release.chart_lost_since = "", None
    return release


def _lost(session: Session, release_id: int, origin: _Origin, error: TidegateError, now: datetime) -> None:
    """Tell people once; while it stays lost, only the reason is kept up to date."""
    release = lookups.take(session, Release, release_id)
    words = f"the chart that clusters get from here is lost or damaged, and could not be fetched again: {error.message}"
    hint = (
        "tried again within the hour"
        if isinstance(error, Transient)
        else f"put {origin.digest} back, or publish another release"
    )
    if release.chart_lost_since is None:
        release.chart_lost_since = now
        audit.record(
            session, release, "chart_lost", actor=audit.SYSTEM, now=now, reason=words, chart_digest=origin.digest
        )
    release.chart_lost = f"{words}; {hint}"


def _prune(storage: Storage, clock: Callable[[], datetime], scope: SessionScope) -> int:
    """Remove what nobody needs; it is written down first, so that nothing is gone without a line in the log."""
    kept, now = artifacts_kept(storage), clock()
    with scope() as session:
        named = _by_digest(kept_charts(session))
        digests = unneeded(kept, {digest: [one.holder for one in charts] for digest, charts in named.items()}, now)
        _audit_pruned(session, {digest: named.get(digest, []) for digest in digests}, now)
    for digest in digests:
        artifact_remove(storage, digest)
        log.info("a kept chart that no release needs is removed", digest=digest)
    return len(digests)


def _by_digest(charts: Sequence[KeptChart]) -> dict[str, list[KeptChart]]:
    found: dict[str, list[KeptChart]] = defaultdict(list)
    for chart in charts:
        found[chart.digest].append(chart)
    return found


def _audit_pruned(session: Session, gone: Mapping[str, Sequence[KeptChart]], now: datetime) -> None:
    """Write one line for each application, however many of its charts went."""
    by_application: dict[int, list[KeptChart]] = defaultdict(list)
    for charts in gone.values():
        for chart in charts:
            by_application[chart.application_id].append(chart)
    for application_id, charts in by_application.items():
        why = f"charts that no release needs any more: {', '.join(chart.version for chart in charts)}"
        application = lookups.get(session, Application, application_id)
        digests = sorted({chart.digest for chart in charts})
        audit.record(session, application, "charts_pruned", actor=audit.SYSTEM, now=now, reason=why, digests=digests)
