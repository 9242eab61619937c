"""Migrations: the models need no more than was written, on both databases, and Django's tables are left alone."""

from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, inspect, select, text

from control_plane.domain.errors import Refused
from control_plane.domain.first_seen import first_damage
from control_plane.services.sources import key_of, spec_of
from control_plane.store import logs, migrate, models, seen
from control_plane.store.base import Base
from control_plane.store.migrate import check_database, upgrade_database
from control_plane.store.session import make_engine, session_scope

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


def test_what_was_seen_is_carried_over_to_sources_with_its_first_time(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    migrate._run(url, lambda config: command.upgrade(config, "0001"))
    engine = make_engine(url)
    rows = {
        "application": ", ".join(
            f"({number}, '{name}', '{{}}', '2026-01-01 00:00:00', 'user:a', NULL, NULL)"
            for number, name in ((1, "web"), (2, "two"))
        ),
        "upstream": (
            "(1, 1, 'chart', 'ghcr.io/a/charts/web', '>=1', '2026-01-02 00:00:00', NULL, NULL, NULL, NULL, NULL, 0, '1.2.0'),"
            "(2, 1, 'image', 'ghcr.io/a/web', 'same-as-chart', '2026-01-02 00:00:00', NULL, NULL, NULL, NULL, NULL, 0, NULL),"
            "(3, 2, 'chart', 'ghcr.io/a/charts/web', '*', '2026-01-03 00:00:00', NULL, NULL, NULL, NULL, NULL, 0, NULL)"
        ),
        "sighting": (
            "(1, 1, '1.1.0', 'sha256:aa', '2026-01-01 10:00:00', 'poll'),"
            "(2, 1, '1.2.0', 'sha256:bb', '2026-01-01 11:00:00.500000', 'poll'),"
            "(3, 1, '1.2.0', 'sha256:cc', '2026-01-01 12:00:00', 'poll')"
        ),
    }
    with engine.begin() as connection:
        for table, values in rows.items():
            connection.execute(text(f"INSERT INTO {table} VALUES {values}"))
    upgrade_database(url)
    check_database(url)
    with session_scope(engine) as session:
        sources = {source.location: source for source in session.scalars(select(models.Source))}
        assert set(sources) == {"ghcr.io/a/charts/web", "ghcr.io/a/web"}
        chart, image = sources["ghcr.io/a/charts/web"], sources["ghcr.io/a/web"]
        assert (chart.key, image.next_look_at) == (key_of(spec_of(chart), ""), None)
        assert {upstream.application.name: upstream.policy for upstream in chart.upstreams} == {
            "web": {"rule": ">=1"},
            "two": {"rule": "*"},
        }
        tags = {tag.name: tag.digest for tag in seen.tags_of(session, [chart.id])[chart.id]}
        assert tags == {"1.1.0": "sha256:aa", "1.2.0": "sha256:cc"}
        for log in logs.logs_of(session, [chart.id, image.id]):
            assert first_damage(log.links, length=log.length, head=log.head) == ""
        assert logs.wrong_ages(session, [chart.id, image.id]) == {}
    engine.dispose()


def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(engine: Engine, database_url: str) -> None:
    with engine.begin() as connection:
        before = connection.execute(text("SELECT version_num FROM tidegate_schema")).scalar_one()
        connection.execute(text("UPDATE tidegate_schema SET version_num = '9999'"))
    try:
        with pytest.raises(Refused, match="a newer Tidegate has changed this database"):
            upgrade_database(database_url)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT version_num FROM tidegate_schema")).scalar_one() == "9999"
    finally:
        with engine.begin() as connection:
            connection.execute(text("UPDATE tidegate_schema SET version_num = :before"), {"before": before})
