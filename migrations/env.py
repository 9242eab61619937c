"""Runs migrations of the domain's tables, each in a transaction of its own. Django's tables are not seen.

PostgreSQL: a migration that cannot get its locks at once, or takes long, gives up instead of stopping everybody.
SQLite: tables are rebuilt (batch mode), because it can change little in place; so foreign keys are off meanwhile, or a
rebuilt table would take the rows that point to it along.
"""

from collections.abc import Mapping
from typing import Any

from alembic import context
from sqlalchemy import Connection

import control_plane.store.models  # noqa: F401  fills the metadata
from control_plane.settings import get_settings
from control_plane.store.base import Base
from control_plane.store.columns import Json, UtcDateTime
from control_plane.store.session import make_engine

LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "60s"


def is_ours(name: str | None, kind: str, parents: Mapping[str, Any]) -> bool:
    """Say whether a table found in the database is one of the domain's."""
    del parents
    return kind != "table" or name in Base.metadata.tables


def plain_type(kind: str, item: Any, autogen: Any) -> str | bool:
    """Write our column types as what they are in the database: a migration does not change when our code does."""
    del autogen
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return "sa.Text()" if kind == "type" and isinstance(item, Json) else False


def migrate(connection: Connection) -> None:
    """Run on ``connection``, which has not begun anything."""
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
    else:
        connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        connection.exec_driver_sql(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'")
        connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_name=is_ours,
        render_as_batch=is_sqlite,
        render_item=plain_type,
        transaction_per_migration=True,
        transactional_ddl=True,
        version_table="tidegate_schema",
    )
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    """Use the connection that the caller gave, or make one from the settings."""
    given: Connection | None = context.config.attributes.get("connection")
    if given is not None:
        migrate(given)
        return
    with make_engine(get_settings().database).connect() as connection:
        migrate(connection)


main()
