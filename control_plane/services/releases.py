"""Use cases of releases that need nothing from outside: discover, requeue, reject, withdraw, retry."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from control_plane.domain.promotions import PROMOTION, PromotionState
from control_plane.domain.releases import OPEN_STATES, RELEASE, Part, ReleaseState
from control_plane.domain.versions.semver import is_older
from control_plane.services import audit
from control_plane.store import lookups
from control_plane.store.models import Application, Release
from control_plane.store.nudges import nudge
from control_plane.store.session import Session


def release_id_of(session: Session, *, application: str, version: str) -> int:
    """Return the id of an application's release. Raises ``NotFound``."""
    return lookups.release_of(session, application, version).id


def release_discover(
    session: Session, *, application: Application, version: str, parts: Mapping[str, Part], seen_by: str, now: datetime
) -> Release | None:
    """Make the release of a version that was seen; None when there is one already. Those that wait are superseded.

    ``parts`` has what each upstream gives to it, by alias; ``chart`` is one of them. ``seen_by``: the system, or a person.
    """
    if lookups.find_release(session, application.id, version) is not None:
        return None
    release = Release(
        application=application,
        version=version,
        chart_digest=parts["chart"].digest,
        parts=msgspec.to_builtins(dict(parts)),
        state=ReleaseState.DISCOVERED,
        state_since=now,
        discovered_at=now,
        discovered_by=seen_by,
    )
    lookups.add(session, release)
    why = "chosen by its policies" if seen_by == audit.SYSTEM else "a person asked for it"
    audit.created(session, release, actor=seen_by, now=now, reason=why, chart_digest=release.chart_digest)
    _supersede_older(session, release, now)
    nudge(session, "release_resolve", release.id)
    return release


def release_requeue(session: Session, *, release_id: int, reason: str, actor: str, now: datetime) -> Release:
    """Try a failed or errored release again, because a person asks for it: the attempts are counted anew."""
    release = lookups.take(session, Release, release_id)
    target = ReleaseState.DISCOVERED if release.manifest is None else ReleaseState.QUEUED
    audit.transition(session, release, target, RELEASE, actor=actor, now=now, reason=reason)
    release.attempts, release.retry_at = 0, None
    if release.manifest is None:
        nudge(session, "release_resolve", release.id)
    else:
        nudge(session, "chart_restore", release.id)  # nobody needed it meanwhile
        nudge(session, "release_rehearse", release.id)
    return release


def release_retry(session: Session, *, release_id: int, now: datetime) -> bool:
    """Queue an errored release whose time has come again. Says whether it did."""
    release = lookups.take(session, Release, release_id)
    if release.state != ReleaseState.ERRORED or release.retry_at is None or release.retry_at > now:
        return False
    why = f"attempt {release.attempts + 1}, because the last could not tell"
    audit.transition(session, release, ReleaseState.QUEUED, RELEASE, actor=audit.SYSTEM, now=now, reason=why)
    release.retry_at = None
    nudge(session, "release_rehearse", release.id)
    return True


def release_reject(session: Session, *, release_id: int, reason: str, actor: str, now: datetime) -> Release:
    """Say no to a release that is not being rehearsed right now; its open promotions are cancelled."""
    return _take_out(session, release_id, ReleaseState.REJECTED, reason=reason, actor=actor, now=now)


def release_withdraw(session: Session, *, release_id: int, reason: str, actor: str, now: datetime) -> Release:
    """Take a verified release back; its open promotions are cancelled. Channels that have it keep it until a recall."""
    return _take_out(session, release_id, ReleaseState.WITHDRAWN, reason=reason, actor=actor, now=now)


def _take_out(
    session: Session, release_id: int, target: ReleaseState, *, reason: str, actor: str, now: datetime
) -> Release:
    release = lookups.take(session, Release, release_id)
    audit.transition(session, release, target, RELEASE, actor=actor, now=now, reason=reason)
    release.retry_at = None
    for promotion in lookups.open_promotions(session, release_id=release.id):
        why = f"the release was {target}: {reason}"
        audit.transition(session, promotion, PromotionState.CANCELLED, PROMOTION, actor=actor, now=now, reason=why)
    return release


def _supersede_older(session: Session, newer: Release, now: datetime) -> None:
    """Releases discovered before that wait are not rehearsed any more; errored ones are not tried again by themselves."""
    for release in lookups.releases_in(session, newer.application_id, (*OPEN_STATES, ReleaseState.ERRORED)):
        if release.id >= newer.id or is_older(newer.version, release.version):
            continue
        if release.state == ReleaseState.ERRORED:
            release.retry_at = None
            continue
        why = f"{newer.version} was discovered before it was rehearsed"
        audit.transition(session, release, ReleaseState.SUPERSEDED, RELEASE, actor=audit.SYSTEM, now=now, reason=why)
