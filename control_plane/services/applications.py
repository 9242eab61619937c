"""Use cases of applications: declare (again and again, the same way) and remove."""

from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec

from cluster_agent.contract import sha256_hex
from control_plane.domain.applications import Declaration, UpstreamSpec, check_namespace
from control_plane.domain.errors import InvalidInput, Refused
from control_plane.domain.promotions import PROMOTION, PromotionState
from control_plane.domain.releases import OPEN_STATES, RELEASE, ReleaseState
from control_plane.domain.sources import SourceSpec
from control_plane.services import audit
from control_plane.services.choosing import weigh_soon
from control_plane.services.declarations import declaration_of, encode, file_changes, file_of, mark_of
from control_plane.services.promotions import newest_fit, promotions_follow, promotions_reconsider
from control_plane.services.publications import channel_drop
from control_plane.services.sources import source_ensure, sources_unpoll
from control_plane.store import lookups
from control_plane.store.models import Application, Channel, SuiteArchive, Upstream
from control_plane.store.nudges import nudge
from control_plane.store.session import Session

OwnerOf = Callable[[SourceSpec, str], str]
CHANGED_MEANWHILE = "changed_meanwhile"
LONGEST_REASON = 500


def application_declare(
    session: Session,
    *,
    declaration: Declaration,
    suite: bytes | None,
    actor: str,
    now: datetime,
    owner_of: OwnerOf = lambda _, __: "",
    file: str = "",
    expected: str | None = None,
    reason: str = "",
) -> Application:
    """Declare an application, or change its declaration; the same declaration again changes nothing.

    ``owner_of`` says whose account reads a place (``reading.account_owner``); places that are read with another account are apart.
    ``suite`` is the packed archive that ``declaration.suite_digest`` names. ``file`` is the text that was read. ``expected`` is the
    ``mark_of`` what the person saw: where it is another one by now, ``Refused`` with code ``changed_meanwhile``.
    Raises ``InvalidInput`` when the suite is another one, ``Refused`` when the namespace changes while a channel has the application.
    """
    found = lookups.find_application(session, declaration.name)
    _check_unchanged(found, declaration.name, expected)
    _store_suite(session, declaration.suite_digest, suite, now)
    encoded = encode(declaration)
    if found is not None and found.declaration == encoded and found.removed_at is None:
        found.file = file or found.file
        return found
    former = declaration_of(found) if found else None
    if found and former:
        check_namespace(former, declaration, sorted(lookups.channels_with(session, found.id)))
    before = file_of(found) if found else ""
    is_back = found is not None and found.removed_at is not None
    new = Application(name=declaration.name, declaration=encoded, declared_at=now, declared_by=actor)
    application = found or lookups.add(session, new)
    application.declaration, application.file, application.removed_at = encoded, file, None
    application.declared_at, application.declared_by = now, actor
    _ensure_channels(session, declaration, now)
    if former and not is_back:
        promotions_reconsider(session, application=application, known=former.channels, now=now)
    _leave_unnamed_channels(session, application, declaration, actor, now)
    _sync_upstreams(session, application, declaration, owner_of, now)
    action = "changed" if found else "declared"
    why = reason or (_what_changed(before, file_of(application)) if before else "")
    chart = declaration.chart.source.location
    audit.record(session, application, action, actor=actor, now=now, reason=why, chart=chart)
    if is_back:
        _propose_again(session, application, now)
    return application


def _leave_unnamed_channels(
    session: Session, application: Application, declaration: Declaration, actor: str, now: datetime
) -> None:
    named = {rule.name for rule in declaration.channels}
    unnamed = set(lookups.channels_with(session, application.id)) - named
    why = "its file does not name the channel any more"
    _leave_channels(session, application, unnamed, reason=why, actor=actor, now=now)


def _what_changed(before: str, after: str) -> str:
    """Say which fields differ; not what they say: values may be secrets, and what is audited is sent on."""
    changed = ", ".join(change.what for change in file_changes(before, after))
    return f"changed: {changed}"[:LONGEST_REASON] if changed else ""


def _check_unchanged(application: Application | None, name: str, expected: str | None) -> None:
    if expected is None or mark_of(application) == expected:
        return
    if application is None:
        raise Refused(f"{name} is not declared any more", code=CHANGED_MEANWHILE)
    if not expected:
        raise Refused(f"there is an application {name} already: change that one", code=CHANGED_MEANWHILE)
    raise Refused(
        f"{application.declared_by} changed {name} at {application.declared_at:%Y-%m-%d %H:%M:%S} UTC, after you opened it",
        code=CHANGED_MEANWHILE,
    )


def _leave_channels(
    session: Session, application: Application, channels: Iterable[str], *, reason: str, actor: str, now: datetime
) -> None:
    for channel in sorted(channels):
        channel_drop(session, channel=channel, application=application.name, reason=reason, actor=actor, now=now)


def _propose_again(session: Session, application: Application, now: datetime) -> None:
    """An application that was removed and is declared again: its newest fit release sets out as if it had just passed."""
    release = newest_fit(session, application)
    if release is not None:
        promotions_follow(session, release=release, after=None, now=now)


def application_remove(session: Session, *, application: str, reason: str, actor: str, now: datetime) -> Application:
    """Stop tracking an application: no more looks, nothing open goes on, and it leaves its channels.

    What runs in clusters is left to their own rules, which keep it unless they say otherwise.
    """
    row = lookups.application_named(session, application)
    if row.removed_at is not None:
        return row
    for promotion in lookups.open_promotions(session, application_id=row.id):
        why = "the application was removed"
        audit.transition(session, promotion, PromotionState.CANCELLED, PROMOTION, actor=actor, now=now, reason=why)
    for release in lookups.releases_in(session, row.id, OPEN_STATES):
        why = "the application was removed"
        audit.transition(session, release, ReleaseState.REJECTED, RELEASE, actor=actor, now=now, reason=why)
    _leave_channels(session, row, lookups.channels_with(session, row.id), reason=reason, actor=actor, now=now)
    sources = [upstream.source_id for upstream in row.upstreams]
    row.upstreams.clear()
    session.flush()
    sources_unpoll(session, sources)
    row.removed_at, row.choose_at = now, None
    audit.record(session, row, "removed", actor=actor, now=now, reason=reason)
    return row


def _store_suite(session: Session, digest: str | None, suite: bytes | None, now: datetime) -> None:
    if digest is None:
        return
    known = session.get(SuiteArchive, digest)
    if suite is None and known is None:
        raise InvalidInput(
            f"the suite's archive {digest} is missing: send it with the application", code="suite_missing"
        )
    if suite is not None and f"sha256:{sha256_hex(suite)}" != digest:
        raise InvalidInput(f"the suite's archive is not the one that was declared, {digest}", code="suite_damaged")
    if suite is not None and known is None:
        session.add(SuiteArchive(digest=digest, content=suite, stored_at=now))


def _ensure_channels(session: Session, declaration: Declaration, now: datetime) -> None:
    for rule in declaration.channels:
        if lookups.find_channel(session, rule.name) is None:
            channel = lookups.add(session, Channel(name=rule.name, created_at=now))
            nudge(session, "channel_write_files", channel.id)


def _sync_upstreams(
    session: Session, application: Application, declaration: Declaration, owner_of: OwnerOf, now: datetime
) -> None:
    """Make the upstream rows those of the declaration. Its places are looked at anew, and what they show is weighed."""
    schedule = declaration.schedule
    application.poll_seconds, application.cron = schedule.poll_seconds, schedule.cron or None
    application.cron_zone = schedule.zone if schedule.cron else None
    present = {(row.role, row.alias): row for row in application.upstreams}
    before = [row.source_id for row in present.values()]
    wanted = {(one.role, one.alias): one for one in declaration.upstreams}
    for key, row in present.items():
        if key not in wanted:
            application.upstreams.remove(row)
    for key, spec in wanted.items():
        row = present.get(key) or Upstream(role=spec.role, alias=spec.alias)
        _write_upstream(session, application, row, spec, owner_of(spec.source, application.name), now)
    session.flush()
    sources_unpoll(session, before)
    weigh_soon(session, application, now)


def _write_upstream(
    session: Session, application: Application, row: Upstream, spec: UpstreamSpec, account: str, now: datetime
) -> None:
    is_polled = spec.policy is not None
    row.source = source_ensure(session, spec=spec.source, account=account, is_polled=is_polled, now=now)
    row.policy = msgspec.to_builtins(spec.policy) if spec.policy is not None else None
    if row not in application.upstreams:
        application.upstreams.append(row)
