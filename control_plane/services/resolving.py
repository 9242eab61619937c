"""Use case: make a discovered release whole — every digest known, so that it cannot change any more.

I/O happens between two short transactions. A chart that does not render or an image that does not exist fails the release;
a registry that does not answer, or that lost the chart it showed a moment ago (a mirror without its source), fails nothing: the
release stays discovered and is tried again.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from cluster_agent.contract import ApplicationManifest, Artifact, release_digest
from cluster_agent.contract.rendered import Images
from control_plane.domain.applications import Declaration
from control_plane.domain.errors import InvalidInput, TidegateError, Transient
from control_plane.domain.releases import GIVEN_UP, RELEASE, Part, ReleaseState
from control_plane.domain.rendered import RenderedObject, rendered_objects
from control_plane.domain.retries import is_free
from control_plane.domain.sources import Notes, SourceSpec
from control_plane.services import audit
from control_plane.services.declarations import declaration_of
from control_plane.services.renderings import rendering_keep
from control_plane.services.sources import spec_of
from control_plane.store import lookups
from control_plane.store.kept import KEPT
from control_plane.store.models import Release
from control_plane.store.nudges import nudge
from control_plane.store.session import Session, SessionScope, session_scope
from control_plane.upstreams.charts import Rendering, merged
from control_plane.upstreams.errors import ChartInvalid, ImageMissing

LEASE_SECONDS = 60.0
RETRY_SECONDS = 60.0
BAD_RELEASE = (ChartInvalid, ImageMissing, InvalidInput)  # the registry answered, and the answer is bad


KeepChart = Callable[[bytes], object]
"""Keeps a packed chart by its digest where clusters find it."""


class ChartReader(Protocol):
    """What resolving needs of the outside."""

    def chart(self, spec: SourceSpec, application: str, tag: str, digest: str) -> bytes:
        """Return the packed chart, verified against ``digest``; read with the application's own account where it has one.

        Raises ``NotFound``, ``ChartInvalid`` or ``Transient``.
        """

    def rendering(self, chart: bytes, declaration: Declaration) -> Rendering:
        """Return what the chart renders, and every image that it uses. Raises ``ChartInvalid`` when it does not render."""

    def image_digest(self, image: str, account: str = "") -> str:
        """Return ``sha256:…`` of an image reference. Raises ``ImageMissing`` or ``Transient``."""

    def notes(self, spec: SourceSpec, account: str, tag: str, digest: str, *, since: str) -> Notes | None:
        """Return what is said about a tag besides its listing; ``since`` is the tag before. Raises what any reading does."""


@dataclass(frozen=True, slots=True)
class Unresolved:
    """What is known of a release before it is resolved. The declaration's values have the tags of its own images in them."""

    release_id: int
    version: str
    chart: SourceSpec
    chart_tag: str
    chart_digest: str
    declaration: Declaration


def release_resolve(
    *,
    release_id: int,
    reader: ChartReader,
    clock: Callable[[], datetime],
    keep: KeepChart,
    scope: SessionScope = session_scope,
) -> bool:
    """Resolve a discovered release. Says whether it was waiting for that. ``keep`` stores a chart that is in no OCI registry."""
    with scope() as session:
        unresolved = release_lease(session, release_id=release_id, now=clock())
    if unresolved is None:
        return False
    try:
        resolved = read_manifest(unresolved, reader, keep)
    except BAD_RELEASE as error:
        with scope() as session:
            release_fail(session, release_id=release_id, reason=_words(error), now=clock())
    except TidegateError as error:
        with scope() as session:
            release_postpone(session, release_id=release_id, error=error, now=clock())
    else:
        with scope() as session:
            release_settle(session, unresolved=unresolved, resolved=resolved, now=clock())
        release_describe(release_id=release_id, reader=reader, scope=scope)
    return True


def release_lease(session: Session, *, release_id: int, now: datetime) -> Unresolved | None:
    """Take a release that waits to be resolved; None when it does not, or somebody has taken it."""
    release = lookups.take(session, Release, release_id)
    if release.state != ReleaseState.DISCOVERED or not is_free(release.retry_at, now):
        return None
    release.retry_at = now + timedelta(seconds=LEASE_SECONDS)
    declaration = declaration_of(release.application)
    tags = {alias: part.tag for alias, part in _parts(release).items()}
    return Unresolved(
        release_id=release.id,
        version=release.version,
        chart=declaration.chart.source,
        chart_tag=tags.get("chart", release.version),
        chart_digest=release.chart_digest,
        declaration=msgspec.structs.replace(declaration, values=_with_tags(declaration, tags)),
    )


def _with_tags(declaration: Declaration, tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the declared values with each chosen tag where its upstream says (``set: image.tag``)."""
    values = declaration.values
    for upstream in declaration.upstreams:
        for path in upstream.set_values:
            *parents, last = path.split(".")
            laid: Any = {last: tags[upstream.alias]}
            for parent in reversed(parents):
                laid = {parent: laid}
            values = merged(values, laid)
    return values


@dataclass(frozen=True, slots=True)
class Resolved:
    """What would run, and for people the objects that this is."""

    manifest: ApplicationManifest
    objects: tuple[RenderedObject, ...]


def read_manifest(unresolved: Unresolved, reader: ChartReader, keep: KeepChart) -> Resolved:
    """Read the chart and its images' digests; return what would run, with the digest that covers all of it."""
    declared = unresolved.declaration
    chart = reader.chart(unresolved.chart, declared.name, unresolved.chart_tag, unresolved.chart_digest)
    rendering = reader.rendering(chart, declared)
    images = _pinned(rendering.images, reader, declared.name)
    artifact = _artifact(unresolved, chart, keep)
    digest = release_digest(
        name=declared.name,
        release=unresolved.version,
        namespace=declared.namespace,
        artifact=artifact,
        images=images,
        values=declared.values,
        backup=declared.backup,
    )
    manifest = ApplicationManifest(
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
    return Resolved(manifest, rendered_objects(rendering.manifests))


def _pinned(images: Images, reader: ChartReader, application: str) -> dict[str, str]:
    """Return the digests. A test whose image is gone is no fault of what runs: agents leave that test out."""
    found = {image: reader.image_digest(image, application) for image in sorted(images.running)}
    for image in sorted(images.testing):
        with suppress(ImageMissing):
            found[image] = reader.image_digest(image, application)
    return found


def _artifact(unresolved: Unresolved, chart: bytes, keep: KeepChart) -> Artifact:
    """An OCI chart is named where it is; of any other the control plane keeps the bytes that its digest names, for every cluster."""
    spec = unresolved.chart
    if spec.kind == "oci":
        return Artifact(ref=spec.location, digest=unresolved.chart_digest)
    keep(chart)
    return Artifact(ref=f"{KEPT}{spec.name or unresolved.declaration.name}", digest=unresolved.chart_digest)


def release_settle(session: Session, *, unresolved: Unresolved, resolved: Resolved, now: datetime) -> None:
    """Write what was resolved, once and for all, and queue the release."""
    release, manifest = lookups.take(session, Release, unresolved.release_id), resolved.manifest
    if release.state != ReleaseState.DISCOVERED:
        return
    release.manifest, release.digest = msgspec.to_builtins(manifest), manifest.release_digest
    release.suite_digest, release.retry_at = unresolved.declaration.suite_digest, None
    rendering_keep(session, release, resolved.objects, now)
    why = f"{len(manifest.images)} images and the chart are pinned"
    audit.transition(
        session, release, ReleaseState.QUEUED, RELEASE, actor=audit.SYSTEM, now=now, reason=why, digest=release.digest
    )
    nudge(session, "release_rehearse", release.id)


def release_describe(*, release_id: int, reader: ChartReader, scope: SessionScope = session_scope) -> None:
    """Write down what is said about each part of a release. For people only: what cannot be had now is left out."""
    with scope() as session:
        questions = _questions(session, release_id)
    found: dict[str, Notes] = {}
    for alias, (spec, account, part, since) in questions.items():
        try:
            notes = reader.notes(spec, account, part.tag, part.digest, since=since)
        except TidegateError:
            continue
        if notes is not None:
            found[alias] = notes
    if not found:
        return
    with scope() as session:
        release = lookups.take(session, Release, release_id)
        parts = {
            alias: msgspec.structs.replace(part, notes=found.get(alias)) for alias, part in _parts(release).items()
        }
        release.parts = msgspec.to_builtins(parts)


def _questions(session: Session, release_id: int) -> dict[str, tuple[SourceSpec, str, Part, str]]:
    """Return, by alias, where a part of a release is from, with whose account, the part, and its tag in the release before."""
    release = lookups.get(session, Release, release_id)
    before = lookups.release_before(session, release, without=GIVEN_UP)
    earlier, parts = _parts(before) if before else {}, _parts(release)
    return {
        upstream.alias: (
            spec_of(upstream.source),
            upstream.source.account,
            parts[upstream.alias],
            earlier[upstream.alias].tag if upstream.alias in earlier else "",
        )
        for upstream in release.application.upstreams
        if upstream.alias in parts
    }


def _parts(release: Release) -> dict[str, Part]:
    return msgspec.convert(release.parts or {}, dict[str, Part])


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
