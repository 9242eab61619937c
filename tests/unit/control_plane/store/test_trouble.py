"""A database that cannot work now is told as such; a wrong query is not hidden behind it."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from control_plane.domain.errors import Transient
from control_plane.store.migrate import turn_to_prepare
from control_plane.store.session import make_engine, read_scope, session_scope


def test_a_full_disk_is_told_and_what_was_there_stays(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/t.sqlite3")
    with session_scope(engine) as session:
        session.execute(text("CREATE TABLE t (x)"))
        session.execute(text("INSERT INTO t VALUES ('kept')"))
    with engine.connect() as connection:
        connection.execute(text("PRAGMA max_page_count=4"))  # SQLite's own limit: it answers as on a full disk
    with pytest.raises(Transient, match="disk is full: free some space"), session_scope(engine) as session:
        session.execute(text("INSERT INTO t VALUES (zeroblob(1000000))"))
    with read_scope(engine) as session:
        assert session.scalars(text("SELECT x FROM t")).all() == ["kept"]
    engine.dispose()


def test_a_database_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.sqlite3").mkdir()
    with pytest.raises(Transient, match="cannot be opened"), turn_to_prepare(f"sqlite:///{tmp_path}/t.sqlite3"):
        pass


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.sqlite3").write_bytes(b"truncated, and not by us" * 100)
    engine = make_engine(f"sqlite:///{tmp_path}/t.sqlite3")
    with pytest.raises(Transient, match="damaged: put it back"), session_scope(engine) as session:
        session.execute(text("SELECT 1"))


def test_a_server_that_is_away_is_told_without_the_password() -> None:
    engine = make_engine("postgresql+psycopg://tide:hunter2@127.0.0.1:1/tide")
    with pytest.raises(Transient, match="server does not answer") as caught, session_scope(engine) as session:
        session.execute(text("SELECT 1"))
    assert "hunter2" not in caught.value.message


def test_a_wrong_query_stays_a_wrong_query() -> None:
    with pytest.raises(OperationalError), session_scope(make_engine("sqlite://")) as session:
        session.execute(text("SELECT nothing FROM nowhere"))


def test_other_errors_pass() -> None:
    with pytest.raises(sqlite3.ProgrammingError), session_scope(make_engine("sqlite://")):
        raise sqlite3.ProgrammingError("mine")
