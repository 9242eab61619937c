"""Use cases of upstreams: what is due, look, write down what was seen. I/O happens between two short transactions.

A look is: lease → read the registry → write. A registry that does not answer proves nothing: the upstream is unknown since
then, the next look is later, and no release changes. Only the newest version in range becomes a release.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from control_plane.domain.applications import SAME_AS_CHART
from control_plane.domain.errors import NotFound, TidegateError
from control_plane.domain.retries import is_free, next_look
from control_plane.domain.versions import Choice, InvalidRange, Policy, choose, explain, parse_range
from control_plane.services import audit
from control_plane.services.declarations import declaration_of
from control_plane.services.releases import release_discover
from control_plane.store import lookups, work
from control_plane.store.models import Sighting, Upstream
from control_plane.store.nudges import nudge
from control_plane.store.session import Session, SessionScope, session_scope

LEASE_SECONDS = 60.0
OLDER_SIGHTINGS = 10  # older versions whose digests one look asks for: a registry is never flooded


class TagReader(Protocol):
    """What a look needs of a registry."""

    def tags(self, repository: str) -> Sequence[str]:
        """Return every tag. Raises ``NotFound`` or ``Transient``."""

    def digest(self, repository: str, tag: str) -> str:
        """Return ``sha256:…`` of what ``tag`` names now. Raises ``NotFound`` or ``Transient``."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a look has to read. ``images`` map a repository to its tag range or ``same-as-chart``; ``known`` are tags seen before."""

    upstream_id: int
    repository: str
    version_range: str
    images: dict[str, str]
    known: frozenset[str]


@dataclass(frozen=True, slots=True)
class Findings:
    """What a look saw: the newest chart in range with every digest, or what it still waits for (``missing``, in words)."""

    chosen: Choice | None = None
    digests: dict[str, str] = field(default_factory=dict)
    image_tags: dict[str, tuple[str, str]] = field(default_factory=dict)
    missing: str = ""


def upstream_nudge(session: Session, *, repositories: Sequence[str], now: datetime) -> list[int]:
    """Make the upstreams of applications that use any of ``repositories`` due now; return their ids."""
    ids = work.chart_upstreams_using(session, repositories)
    for upstream_id in ids:
        upstream = lookups.take(session, Upstream, upstream_id)
        upstream.next_look_at = min(upstream.next_look_at, now)
        nudge(session, "upstream_look", upstream_id)
    return ids


def upstream_lease(session: Session, *, upstream_id: int, now: datetime) -> Target | None:
    """Take an upstream that is due; None when it is not due, or somebody looks at it right now."""
    upstream = lookups.take(session, Upstream, upstream_id)
    if upstream.next_look_at > now or not is_free(upstream.lease_until, now) or upstream.kind != "chart":
        return None
    upstream.lease_until = upstream.next_look_at = now + timedelta(seconds=LEASE_SECONDS)
    declaration = declaration_of(upstream.application)
    return Target(
        upstream_id=upstream.id,
        repository=upstream.repository,
        version_range=upstream.version_range,
        images={image.name: image.tag for image in declaration.images},
        known=frozenset(row.tag for row in upstream.sightings),
    )


def upstream_look(
    *,
    upstream_id: int,
    reader: TagReader,
    clock: Callable[[], datetime],
    jitter: float,
    seen_by: str = "poll",
    scope: SessionScope = session_scope,
) -> bool:
    """Look at one upstream. Says whether it was due. A failure to find out is written down, never raised."""
    with scope() as session:
        target = upstream_lease(session, upstream_id=upstream_id, now=clock())
    if target is None:
        return False
    try:
        findings = read_upstream(target, reader)
    except TidegateError as error:
        with scope() as session:
            upstream_fail(session, upstream_id=upstream_id, error=error, now=clock(), jitter=jitter)
        return True
    with scope() as session:
        upstream_note(session, target=target, findings=findings, seen_by=seen_by, now=clock(), jitter=jitter)
    return True


def read_upstream(target: Target, reader: TagReader) -> Findings:
    """Read the registry: the newest chart in range, digests of it and of some older ones, and whether its images exist."""
    policy = _policy(target.version_range, charts=True)
    tags = reader.tags(target.repository)
    chosen = choose(policy, tags)
    if chosen is None:
        return Findings(missing=f"none of {len(tags)} tags is in the range {target.version_range}")
    digests = {chosen.tag: reader.digest(target.repository, chosen.tag)}
    older = [one.tag for one in explain(policy, tags) if one.matches and not one.chosen and one.tag not in target.known]
    for tag in older[:OLDER_SIGHTINGS]:
        digests[tag] = reader.digest(target.repository, tag)
    image_tags, missing = _read_images(target.images, chosen, reader)
    return Findings(chosen, digests, image_tags, missing)


def upstream_note(
    session: Session, *, target: Target, findings: Findings, seen_by: str, now: datetime, jitter: float
) -> None:
    """Write down a look that was answered; a new version whose images exist becomes a release."""
    upstream = lookups.take(session, Upstream, target.upstream_id)
    declaration = declaration_of(upstream.application)
    upstream.unknown_since, upstream.failures, upstream.last_error = None, 0, findings.missing or None
    _end_look(session, upstream, next_look(now, poll_seconds=declaration.poll_seconds, failures=0, jitter=jitter), now)
    for tag, digest in findings.digests.items():
        _note_sighting(session, upstream, tag, digest, seen_by, now)
    _note_images(session, upstream, findings, seen_by, now)
    if findings.chosen is None or upstream.application.removed_at is not None:
        return
    upstream.newest = findings.chosen.version
    if not findings.missing:
        release_discover(
            session,
            application=upstream.application,
            version=findings.chosen.version,
            chart_digest=findings.digests[findings.chosen.tag],
            seen_by=seen_by,
            now=now,
        )


def upstream_fail(session: Session, *, upstream_id: int, error: TidegateError, now: datetime, jitter: float) -> None:
    """Write down a look that found nothing out: unknown since when, why, and when to look again."""
    upstream = lookups.take(session, Upstream, upstream_id)
    upstream.failures += 1
    upstream.unknown_since, upstream.last_error = upstream.unknown_since or now, error.message
    poll = declaration_of(upstream.application).poll_seconds
    later = next_look(now, poll_seconds=poll, failures=upstream.failures, jitter=jitter)
    _end_look(session, upstream, later, now)


def _end_look(session: Session, upstream: Upstream, next_look_at: datetime, now: datetime) -> None:
    """Give the lease back. A webhook that came during the look is not forgotten: what it told may have come too late to be seen."""
    was_nudged = upstream.next_look_at != upstream.lease_until
    upstream.last_look_at, upstream.lease_until = now, None
    if was_nudged:
        nudge(session, "upstream_look", upstream.id)
    else:
        upstream.next_look_at = next_look_at


def _policy(version_range: str, *, charts: bool) -> Policy:
    try:
        return Policy(parse_range(version_range), charts=charts)
    except InvalidRange as error:
        raise NotFound(f"the declared range {version_range!r} cannot be read: {error}") from None


def _read_images(images: dict[str, str], chosen: Choice, reader: TagReader) -> tuple[dict[str, tuple[str, str]], str]:
    """Return the tag and digest of each declared image, and which of them is missing, in words."""
    found: dict[str, tuple[str, str]] = {}
    for name, wanted in images.items():
        tag = _image_tag(name, wanted, chosen, reader)
        if tag is None:
            return found, f"no tag of {name} is in the range {wanted}"
        try:
            found[name] = (tag, reader.digest(name, tag))
        except NotFound:
            return found, f"the chart {chosen.version} is there, the image {name}:{tag} is not yet"
    return found, ""


def _image_tag(name: str, wanted: str, chosen: Choice, reader: TagReader) -> str | None:
    if wanted == SAME_AS_CHART:
        return chosen.version
    choice = choose(_policy(wanted, charts=False), reader.tags(name))
    return choice.tag if choice else None


def _note_sighting(session: Session, upstream: Upstream, tag: str, digest: str, seen_by: str, now: datetime) -> None:
    """Remember a tag; a digest that is new for a tag of a known release is an audit warning, the release stays as it is."""
    seen = [row for row in upstream.sightings if row.tag == tag]
    if any(row.digest == digest for row in seen):
        return
    upstream.sightings.append(Sighting(tag=tag, digest=digest, first_seen_at=now, seen_by=seen_by))
    session.flush()
    if seen:
        why = f"the tag {tag} named {seen[-1].digest} and names {digest} now; releases keep what they were made of"
        audit.record(
            session,
            upstream,
            "tag_moved",
            actor=audit.SYSTEM,
            now=now,
            reason=why,
            tag=tag,
            before=seen[-1].digest,
            digest=digest,
        )


def _note_images(session: Session, chart: Upstream, findings: Findings, seen_by: str, now: datetime) -> None:
    """Images are looked at together with their chart: their rows show the same look."""
    for row in chart.application.upstreams:
        if row.kind != "image":
            continue
        row.last_look_at, row.next_look_at = now, chart.next_look_at
        row.unknown_since, row.failures, row.last_error = None, 0, None
        if row.repository in findings.image_tags:
            tag, digest = findings.image_tags[row.repository]
            row.newest = tag
            _note_sighting(session, row, tag, digest, seen_by, now)
