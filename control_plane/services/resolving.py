"""Use case: make a discovered release whole — every digest known, so that it cannot change any more.

I/O happens between two short transactions. A chart that does not render or an image that does not exist fails the release;
a registry that does not answer, or that lost the chart it showed a moment ago (a mirror without its source), fails nothing: the
release stays discovered and is tried again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from cluster_agent.contract import ApplicationManifest, Artifact, release_digest
from control_plane.domain.applications import Declaration
from control_plane.domain.errors import InvalidInput, TidegateError, Transient
from control_plane.domain.releases import RELEASE, ReleaseState
from control_plane.domain.retries import is_free
from control_plane.services import audit
from control_plane.services.declarations import declaration_of
from control_plane.store import lookups
from control_plane.store.models import Release
from control_plane.store.nudges import nudge
from control_plane.store.session import Session, SessionScope, session_scope
from control_plane.upstreams.errors import ChartInvalid, ImageMissing

LEASE_SECONDS = 60.0
RETRY_SECONDS = 60.0
BAD_RELEASE = (ChartInvalid, ImageMissing, InvalidInput)  # the registry answered, and the answer is bad


class ChartReader(Protocol):
    """What resolving needs of the outside."""

    def chart(self, repository: str, digest: str) -> bytes:
        """Return the packed chart, verified against ``digest``. Raises ``NotFound``, ``ChartInvalid`` or ``Transient``."""

    def images(self, chart: bytes, declaration: Declaration) -> Sequence[str]:
        """Return every image reference that the rendered chart uses. Raises ``ChartInvalid`` when it does not render."""

    def image_digest(self, image: str) -> str:
        """Return ``sha256:…`` of an image reference. Raises ``ImageMissing`` or ``Transient``."""


@dataclass(frozen=True, slots=True)
class Unresolved:
    """What is known of a release before it is resolved."""

    release_id: int
    version: str
    chart_digest: str
    declaration: Declaration


def release_resolve(
    *,
    release_id: int,
    reader: ChartReader,
    clock: Callable[[], datetime],
    scope: SessionScope = session_scope,
) -> bool:
    """Resolve a discovered release. Says whether it was waiting for that."""
    with scope() as session:
        unresolved = release_lease(session, release_id=release_id, now=clock())
    if unresolved is None:
        return False
    try:
        manifest = read_manifest(unresolved, reader)
    except BAD_RELEASE as error:
        with scope() as session:
            release_fail(session, release_id=release_id, reason=_words(error), now=clock())
    except TidegateError as error:
        with scope() as session:
            release_postpone(session, release_id=release_id, error=error, now=clock())
    else:
        with scope() as session:
            release_settle(session, unresolved=unresolved, manifest=manifest, now=clock())
    return True


def release_lease(session: Session, *, release_id: int, now: datetime) -> Unresolved | None:
    """Take a release that waits to be resolved; None when it does not, or somebody has taken it."""
    release = lookups.take(session, Release, release_id)
    if release.state != ReleaseState.DISCOVERED or not is_free(release.retry_at, now):
        return None
    release.retry_at = now + timedelta(seconds=LEASE_SECONDS)
    return Unresolved(release.id, release.version, release.chart_digest, declaration_of(release.application))


def read_manifest(unresolved: Unresolved, reader: ChartReader) -> ApplicationManifest:
    """Read the chart and its images' digests; return what would run, with the digest that covers all of it."""
    declared = unresolved.declaration
    chart = reader.chart(declared.chart.oci, unresolved.chart_digest)
    images = {image: reader.image_digest(image) for image in sorted(set(reader.images(chart, declared)))}
    artifact = Artifact(ref=declared.chart.oci, digest=unresolved.chart_digest)
    digest = release_digest(
        name=declared.name,
        release=unresolved.version,
        namespace=declared.namespace,
        artifact=artifact,
        images=images,
        values=declared.values,
        backup=declared.backup,
    )
    return ApplicationManifest(
        name=declared.name,
        release=unresolved.version,
        release_digest=digest,
        namespace=declared.namespace,
        artifact=artifact,
        images=images,
        values=declared.values,
        backup=declared.backup,
        timeout_seconds=round(declared.timeout_seconds),
    )


def release_settle(session: Session, *, unresolved: Unresolved, manifest: ApplicationManifest, now: datetime) -> None:
    """Write what was resolved, once and for all, and queue the release."""
    release = lookups.take(session, Release, unresolved.release_id)
    if release.state != ReleaseState.DISCOVERED:
        return
    release.manifest, release.digest = msgspec.to_builtins(manifest), manifest.release_digest
    release.suite_digest, release.retry_at = unresolved.declaration.suite_digest, None
    why = f"{len(manifest.images)} images and the chart are pinned"
    audit.transition(
        session, release, ReleaseState.QUEUED, RELEASE, actor=audit.SYSTEM, now=now, reason=why, digest=release.digest
    )
    nudge(session, "release_rehearse", release.id)


def release_fail(session: Session, *, release_id: int, reason: str, now: datetime) -> None:
    """The release is bad as it was published."""
    release = lookups.take(session, Release, release_id)
    if release.state == ReleaseState.DISCOVERED:
        release.retry_at = None
        audit.transition(session, release, ReleaseState.FAILED, RELEASE, actor=audit.SYSTEM, now=now, reason=reason)


def release_postpone(session: Session, *, release_id: int, error: TidegateError, now: datetime) -> None:
    """Could not find out: try again later; nothing is concluded about the release."""
    release = lookups.take(session, Release, release_id)
    if release.state == ReleaseState.DISCOVERED:
        seconds = error.retry_after if isinstance(error, Transient) else RETRY_SECONDS
        release.retry_at = now + timedelta(seconds=seconds)
        release.state_reason = error.message


def _words(error: TidegateError) -> str:
    mistakes = "; ".join(str(mistake) for mistake in error.mistakes) if isinstance(error, InvalidInput) else ""
    return f"{error.message}: {mistakes}" if mistakes else error.message
