"""Webhook deliveries that were taken, remembered for a day so that none is taken twice."""

from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from control_plane.store.models import Delivery

REMEMBERED = timedelta(hours=24)
PRUNED_AT_ONCE = 1_000


def delivery_is_new(session: Session, vendor: str, delivery: str, now: datetime) -> bool:
    """Remember a delivery; say whether it was unknown. The same one in another transaction waits for this one's end.

    ``delivery`` has at most 255 characters. It is forgotten with the transaction, so what failed may be repeated.
    """
    _forget_old(session, now)
    try:
        with session.begin_nested():
            session.execute(insert(Delivery).values(vendor=vendor, delivery=delivery, received_at=now))
    except IntegrityError:
        return False
    return True


def _forget_old(session: Session, now: datetime) -> None:
    """Rows that another transaction forgets right now are left to it: two never wait for each other."""
    old = select(Delivery.id).where(Delivery.received_at <= now - REMEMBERED).limit(PRUNED_AT_ONCE)
    ids = session.scalars(old.with_for_update(skip_locked=True)).all()
    if ids:
        session.execute(delete(Delivery).where(Delivery.id.in_(ids)))
