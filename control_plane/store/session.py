"""One session per request or task: ``with session_scope() as session:``. Commits at the end, rolls back on any error.

SQLite: WAL, foreign keys on, and BEGIN IMMEDIATE for every transaction that may write, so that writers queue instead of failing.
The engine is made at first use, after a fork.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from control_plane.domain.errors import Transient
from control_plane.settings import get_settings
from control_plane.store.nudges import deliver
from control_plane.store.trouble import told_trouble

__all__ = ["Session", "SessionScope", "database_answers", "get_engine", "make_engine", "read_scope", "session_scope"]

BUSY_TIMEOUT_SECONDS = 30

SessionScope = Callable[[], AbstractContextManager[Session]]
"""How services that go outside between two short transactions open each of them: ``session_scope`` or the like."""


def make_engine(url: str) -> Engine:
    """Return an engine for ``url`` (SQLite or PostgreSQL) with the rules of this module."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True)
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: Any) -> None:
    del record
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:
    read_only = connection.get_execution_options().get("tidegate_read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


@lru_cache(maxsize=1)
def get_engine() -> Engine:
    """Return this process's engine."""
    return make_engine(get_settings().database)


@contextmanager
def session_scope(engine: Engine | None = None) -> Iterator[Session]:
    """Yield a session for reading and writing; commit at the end, then send its nudges.

    Raises ``Transient`` where the database cannot be used now; nothing of the session was kept then.
    """
    with Session(engine or get_engine(), expire_on_commit=False) as session:
        with told_trouble(), session.begin():
            yield session
        deliver(session)


@contextmanager
def read_scope(engine: Engine | None = None) -> Iterator[Session]:
    """Yield a session that only reads: it never waits for a writer."""
    bound = (engine or get_engine()).execution_options(tidegate_read_only=True)
    with told_trouble(), Session(bound, expire_on_commit=False) as session:
        yield session


def database_answers() -> bool:
    """Say whether the database answers a query."""
    try:
        with read_scope() as session:
            session.execute(text("SELECT 1"))
    except (DBAPIError, Transient):
        return False
    return True
