"""Reads about accounts, for people: everything but the secret."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from control_plane.domain.accounts import Scope
from control_plane.store import accounts
from control_plane.store.reads.rows import AccountRow, HostKeyRow

Listed = tuple[str, Scope, str, str]
"""An account as its origin lists it: origin, scope, kind (or empty), user."""


def account_rows(session: Session, listed: Sequence[Listed]) -> list[AccountRow]:
    """Return every stored account and those ``listed`` by other origins, with how each was used. Two queries."""
    uses = {(one.origin, one.host, one.path, one.application, one.username): one for one in accounts.all_uses(session)}
    stored = {(one.host, one.path, one.application, one.kind): one for one in accounts.all_accounts(session)}
    own = [("stored", Scope(one.host, one.path, one.application), one.kind, one.username) for one in stored.values()]
    rows = []
    for origin, scope, kind, username in (*own, *listed):
        row = stored.get((scope.host, scope.path, scope.application, kind)) if origin == "stored" else None
        use = uses.get((origin, scope.host, scope.path, scope.application, username))
        rows.append(
            AccountRow(
                id=row.id if row else None,
                origin=origin,
                host=scope.host,
                path=scope.path,
                application=scope.application,
                kind=kind,
                username=username,
                created_at=row.created_at if row else None,
                created_by=row.created_by if row else "",
                used_at=use.used_at if use else None,
                refused_at=use.refused_at if use else None,
                refusal=use.refusal if use else "",
            )
        )
    return rows


def host_key_rows(session: Session) -> list[HostKeyRow]:
    """Return every host key that was accepted."""
    return [
        HostKeyRow(
            host=row.host,
            kind=row.line.split()[1],
            fingerprint=row.fingerprint,
            accepted_at=row.accepted_at,
            accepted_by=row.accepted_by,
        )
        for row in accounts.host_keys(session)
    ]
