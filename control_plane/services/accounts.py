"""Use cases of accounts: add, remove, seal anew; accept and forget host keys; who reads which place after that.

A secret comes in and is sealed; it goes out to the reader of the outside alone (``stored_accounts``), never to a page or an answer.
"""

import re
from collections.abc import Callable
from datetime import datetime

import msgspec

from control_plane.domain.accounts import Kind, Scope
from control_plane.domain.errors import InvalidInput, Mistake, Place, Refused
from control_plane.domain.sources import SourceSpec
from control_plane.services import audit
from control_plane.services.choosing import weigh_soon
from control_plane.services.sources import source_ensure, sources_unpoll, spec_of
from control_plane.services.stored_accounts import about, scope_of
from control_plane.store import accounts, lookups
from control_plane.store.account_models import Account, HostKey
from control_plane.store.models import Application, Upstream
from control_plane.store.session import Session, SessionScope, read_scope, session_scope
from control_plane.upstreams.credentials import checked_secret
from control_plane.upstreams.sealed import Sealed, SealingKeys
from control_plane.upstreams.ssh_keys import ServerKey, public_of

LONGEST = 255
_HOST = re.compile(r"([a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:]+\])(:\d{1,5})?")


def account_add(
    session: Session,
    *,
    scope: Scope,
    kind: Kind,
    username: str,
    secret: str,
    replace: bool,
    keys: SealingKeys,
    actor: str,
    now: datetime,
) -> Account:
    """Store an account, its secret sealed; ``replace`` takes the place of the one that is there. Raises ``InvalidInput``, ``Refused``."""
    _check(scope, kind, username)
    secret = checked_secret(secret, kind, "the secret")
    data = {"kind": kind, "username": username}
    if kind == "ssh-key":
        data["public_key"] = public_of(secret)
    row = accounts.account_at(session, scope, kind)
    if row is not None and not replace:
        raise Refused(f"there is a {kind} for that already, number {row.id}: replace it", code="account_known")
    sealed = keys.seal(secret, about(scope, kind, username))
    action = "replaced" if row else "added"
    if row is None:
        row = Account(host=scope.host, path=scope.path, application=scope.application, kind=kind)
        session.add(row)
    row.username, row.sealed, row.key_id = username, sealed.text, sealed.key_id
    row.created_at, row.created_by = now, actor
    session.flush()
    audit.record(session, row, action, actor=actor, now=now, **data)
    return row


def account_remove(session: Session, *, account_id: int, reason: str, actor: str, now: datetime) -> Account:
    """Forget an account and its secret. Raises ``NotFound``."""
    row = lookups.take(session, Account, account_id)
    audit.record(session, row, "removed", actor=actor, now=now, reason=reason, kind=row.kind, username=row.username)
    session.delete(row)
    return row


def accounts_reseal(session: Session, *, keys: SealingKeys, actor: str, now: datetime) -> int:
    """Seal every secret with the newest key that is not yet; return how many were. Raises ``Untrusted`` for one that no key opens."""
    resealed = 0
    for row in accounts.all_accounts(session):
        if row.key_id == keys.newest:
            continue
        meant = about(scope_of(row), row.kind, row.username)
        sealed = keys.seal(keys.open(Sealed(row.sealed, row.key_id), meant), meant)
        data = {"before": row.key_id, "key_id": sealed.key_id}
        row.sealed, row.key_id = sealed.text, sealed.key_id
        audit.record(session, row, "resealed", actor=actor, now=now, **data)
        resealed += 1
    return resealed


def host_key_accept(
    session: Session, *, keys: list[ServerKey], replace: bool, actor: str, now: datetime
) -> list[HostKey]:
    """Believe a server that shows one of ``keys``; ``replace``: and no other any more. Raises ``Refused``: another one is accepted."""
    host = keys[0].host
    known = {row.fingerprint: row for row in accounts.host_keys(session, host)}
    strange = [one for one in keys if one.fingerprint not in known]
    if known and strange and not replace:
        words = f"another key of {host} was accepted before, {next(iter(known))}"
        raise Refused(
            f"{words}: somebody may be in between. Replace it where it was changed on purpose", code="host_key"
        )
    for fingerprint, row in known.items():
        if replace and fingerprint not in {one.fingerprint for one in keys}:
            audit.record(session, row, "forgotten", actor=actor, now=now, fingerprint=fingerprint)
            session.delete(row)
    return [known.get(one.fingerprint) or _accepted(session, one, actor, now) for one in keys]


def host_key_forget(session: Session, *, host: str, reason: str, actor: str, now: datetime) -> int:
    """Believe a server no more; return how many of its keys were accepted."""
    rows = accounts.host_keys(session, host)
    for row in rows:
        audit.record(session, row, "forgotten", actor=actor, now=now, reason=reason, fingerprint=row.fingerprint)
        session.delete(row)
    return len(rows)


def places_reassign(
    *,
    owner_of: Callable[[SourceSpec, str], str],
    now: datetime,
    reads: SessionScope = read_scope,
    scope: SessionScope = session_scope,
) -> list[str]:
    """Let every upstream be read with the account that counts now; return the applications for which that changed.

    A place that is read with another account is another source: what one account saw is never shown through the other.
    """
    with reads() as session:
        found = accounts.readings(session)
    wanted = {number: owner_of(msgspec.convert(spec, SourceSpec), name) for number, spec, _, name in found}
    misplaced = {number: wanted[number] for number, _, account, _ in found if account != wanted[number]}
    if not misplaced:
        return []
    with scope() as session:
        changed = [
            _reassign(session, one, misplaced[one.id], now) for one in accounts.upstreams_with(session, misplaced)
        ]
        applications = {one.name: one for one in changed}
        for application in applications.values():
            why = "an account was added or removed: its places are read with what counts now"
            audit.record(session, application, "reassigned", actor=audit.SYSTEM, now=now, reason=why)
            weigh_soon(session, application, now)
        return list(applications)


def _reassign(session: Session, upstream: Upstream, account: str, now: datetime) -> Application:
    before, is_polled = upstream.source, upstream.policy is not None
    upstream.source = source_ensure(session, spec=spec_of(before), account=account, is_polled=is_polled, now=now)
    session.flush()
    sources_unpoll(session, [before.id])
    return upstream.application


def _accepted(session: Session, key: ServerKey, actor: str, now: datetime) -> HostKey:
    row = HostKey(host=key.host, line=key.line, fingerprint=key.fingerprint, accepted_at=now, accepted_by=actor)
    lookups.add(session, row)
    audit.record(session, row, "accepted", actor=actor, now=now, fingerprint=key.fingerprint, kind=key.kind)
    return row


def _check(scope: Scope, kind: Kind, username: str) -> None:
    mistakes = []
    if not _HOST.fullmatch(scope.host) or not scope.path.isprintable() or " " in scope.path:
        hint = "ghcr.io, ghcr.io/acme, git.example.org:2222/team"
        mistakes.append(Mistake(Place("place"), "is no host or host/path without a scheme", hint))
    if kind == "password" and not username:
        mistakes.append(Mistake(Place("username"), "is missing: a password needs its user", "ci-bot"))
    if kind != "password" and username:
        mistakes.append(Mistake(Place("username"), f"does not go with a {kind}", "leave it out"))
    if not username.isprintable() or ":" in username:
        mistakes.append(Mistake(Place("username"), "has characters that no user name has", "ci-bot"))
    if max(map(len, (scope.host, scope.path, scope.application, username))) > LONGEST:
        mistakes.append(Mistake(Place(""), f"something is longer than {LONGEST} characters", ""))
    if mistakes:
        raise InvalidInput("the account is not right", mistakes=tuple(mistakes), code="account")
