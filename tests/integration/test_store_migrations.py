"""Migrations: the models need no more than was written, on both databases, and Django's tables are left alone."""

import pytest
from sqlalchemy import Engine, inspect, text

from control_plane.store.base import Base
from control_plane.store.migrate import check_database, upgrade_database

pytestmark = pytest.mark.services


def test_the_models_are_what_the_migrations_make(database_url: str) -> None:
    check_database(database_url)


def test_upgrading_twice_changes_nothing_and_keeps_rows(engine: Engine, database_url: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO channel (name, generation, created_at) VALUES ('edge', 3, '2026-01-01')"))
    upgrade_database(database_url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT generation FROM channel WHERE name = 'edge'")) == 3


def test_tables_of_others_are_not_seen(engine: Engine, database_url: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE django_session (session_key varchar(40) PRIMARY KEY)"))
    check_database(database_url)
    assert set(inspect(engine).get_table_names()) == {*Base.metadata.tables, "django_session", "tidegate_schema"}
