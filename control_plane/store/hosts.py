"""Hosts that are asked, one row each, shared by all processes. What a row says is decided elsewhere; here it is locked and kept."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from control_plane.store.models import Host

NOTHING = "{}"


def take(session: Session, names: Collection[str], now: datetime) -> dict[str, str]:
    """Return what is known of hosts (JSON, ``{}`` where nothing is), locked until the transaction ends, in the order of their names."""
    ordered = sorted(names)
    found = _locked(session, ordered)
    missing = [name for name in ordered if name not in found]
    for name in missing:
        try:
            with session.begin_nested():
                session.execute(insert(Host).values(name=name, manners=NOTHING, changed_at=now))
        except IntegrityError:
            continue  # another process was quicker
    return _locked(session, ordered) if missing else found


def keep(session: Session, manners: Mapping[str, str], now: datetime) -> None:
    """Write down what is known of hosts that were taken."""
    rows = [{"name": name, "manners": text, "changed_at": now} for name, text in manners.items()]
    session.execute(update(Host), rows)


def known_since(session: Session, since: datetime) -> dict[str, str]:
    """Return what is known of every host that was asked after ``since``, by name."""
    rows = session.execute(select(Host.name, Host.manners).where(Host.changed_at >= since).order_by(Host.name))
    return {row.name: row.manners for row in rows}


def _locked(session: Session, names: list[str]) -> dict[str, str]:
    statement = select(Host.name, Host.manners).where(Host.name.in_(names)).order_by(Host.name)
    return {row.name: row.manners for row in session.execute(statement.with_for_update())}
