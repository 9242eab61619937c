"""Queries of accounts, their uses and host keys. What is read for programs has the sealed secret; what is read for people never has."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from control_plane.domain.accounts import Scope
from control_plane.store.account_models import Account, AccountUse, HostKey
from control_plane.store.models import Application, Source, Upstream


def all_accounts(session: Session) -> Sequence[Account]:
    """Return every stored account, by place and application."""
    return session.scalars(
        select(Account).order_by(Account.host, Account.path, Account.application, Account.kind)
    ).all()


def account_at(session: Session, scope: Scope, kind: str) -> Account | None:
    """Return the account of a kind for exactly that place and application, locked, or None."""
    statement = select(Account).filter_by(host=scope.host, path=scope.path, application=scope.application, kind=kind)
    return session.scalar(statement.with_for_update())


def all_uses(session: Session) -> Sequence[AccountUse]:
    """Return how accounts were used."""
    return session.scalars(select(AccountUse)).all()


def use_of(session: Session, origin: str, scope: Scope, username: str) -> AccountUse:
    """Return how an account was used, locked; a new row before the first time, of which another process may be the maker."""
    which = {"origin": origin, "host": scope.host, "path": scope.path, "application": scope.application}
    statement = select(AccountUse).filter_by(**which, username=username).with_for_update()
    row = session.scalar(statement)
    if row is None:
        with suppress(IntegrityError), session.begin_nested():
            session.add(AccountUse(**which, username=username, refusal=""))
        row = session.scalars(statement).one()
    return row


def host_keys(session: Session, host: str = "") -> Sequence[HostKey]:
    """Return the accepted keys of a server, or all."""
    statement = select(HostKey).order_by(HostKey.host, HostKey.id)
    return session.scalars(statement.filter_by(host=host) if host else statement).all()


def readings(session: Session) -> list[tuple[int, dict[str, Any], str, str]]:
    """Return of every upstream of applications that are not removed: its id, its place's spec and account, its application's name."""
    columns = Upstream.id, Source.spec, Source.account, Application.name
    statement = (
        select(*columns).join(Upstream.source).join(Upstream.application).where(Application.removed_at.is_(None))
    )
    return [tuple(row) for row in session.execute(statement.order_by(Upstream.id))]


def upstreams_with(session: Session, ids: Collection[int]) -> Sequence[Upstream]:
    """Return the upstreams that are still there, locked."""
    return session.scalars(select(Upstream).where(Upstream.id.in_(ids)).order_by(Upstream.id).with_for_update()).all()
