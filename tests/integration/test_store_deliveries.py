"""A delivery is taken once, for a day, also when it comes twice at the same time: on SQLite and PostgreSQL alike."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import Engine, func, select

from control_plane.store.deliveries import PRUNED_AT_ONCE, REMEMBERED, delivery_is_new
from control_plane.store.models import Delivery
from control_plane.store.session import session_scope

pytestmark = pytest.mark.services
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def is_new(engine: Engine, delivery: str, *, vendor: str = "github", now: datetime = NOW) -> bool:
    with session_scope(engine) as session:
        return delivery_is_new(session, vendor, delivery, now)


def remembered(engine: Engine) -> int:
    with session_scope(engine) as session:
        return session.scalar(select(func.count(Delivery.id))) or 0


def test_a_delivery_is_new_once_per_vendor(engine: Engine) -> None:
    assert is_new(engine, "one")
    assert not is_new(engine, "one")
    assert is_new(engine, "one", vendor="gitea")
    assert is_new(engine, "x" * 255)


def test_what_comes_twice_in_one_transaction_leaves_it_usable(engine: Engine) -> None:
    with session_scope(engine) as session:
        answers = [delivery_is_new(session, "github", name, NOW) for name in ("a", "a", "b")]
    assert answers == [True, False, True]
    assert remembered(engine) == 2


def test_deliveries_are_forgotten_after_a_day(engine: Engine) -> None:
    assert is_new(engine, "old")
    assert not is_new(engine, "old", now=NOW + REMEMBERED - timedelta(seconds=1))
    assert is_new(engine, "old", now=NOW + REMEMBERED)
    assert remembered(engine) == 1


def test_many_are_forgotten_in_parts(engine: Engine) -> None:
    with session_scope(engine) as session:
        session.add_all([Delivery(vendor="x", delivery=str(n), received_at=NOW) for n in range(PRUNED_AT_ONCE + 10)])
    assert is_new(engine, "later", now=NOW + 2 * REMEMBERED)
    assert remembered(engine) == 11


def test_a_failed_transaction_forgets_its_delivery(engine: Engine) -> None:
    def fail() -> None:
        with session_scope(engine) as session:
            assert delivery_is_new(session, "github", "one", NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert is_new(engine, "one")


def test_of_two_at_the_same_time_one_is_new(engine: Engine) -> None:
    start = Barrier(2)

    def take(name: str) -> bool:
        start.wait()
        return is_new(engine, name, now=NOW + REMEMBERED * 3)

    with ThreadPoolExecutor(2) as pool:
        for turn in range(20):
            assert sorted(pool.map(take, [f"turn {turn}"] * 2)) == [False, True]
