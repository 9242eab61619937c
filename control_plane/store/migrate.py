"""Brings the domain's tables to their newest revision. The migrations are found in a checkout and in an installed wheel alike."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script.revision import ResolutionError
from alembic.util import CommandError
from sqlalchemy import text

from control_plane.domain.errors import Refused
from control_plane.store.session import make_engine
from control_plane.store.trouble import told_trouble

IN_WHEEL = Path(__file__).with_name("alembic")
IN_CHECKOUT = Path(__file__).resolve().parents[2] / "migrations"
PREPARING = 0x71DE_6A7E  # any number, as long as nobody else of this database takes it


def migrations_folder() -> Path:
    """Return where the migrations are."""
    return IN_WHEEL if IN_WHEEL.is_dir() else IN_CHECKOUT


def upgrade_database(url: str) -> None:
    """Migrate the database at ``url``; nothing happens where that was done before.

    Raises ``Refused`` where a newer Tidegate has migrated it: nothing is changed then.
    """
    try:
        _run(url, lambda config: command.upgrade(config, "head"))
    except CommandError as error:
        if not isinstance(error.__cause__, ResolutionError):
            raise
        raise Refused(
            "a newer Tidegate has changed this database, and this older one cannot read it: run the newer one again, "
            f"or put back the backup from before the upgrade ({error})",
            code="database_newer",
        ) from error


@contextmanager
def turn_to_prepare(url: str) -> Iterator[None]:
    """Let one process at a time prepare the database: of several that start at once, the others wait here.

    PostgreSQL frees the lock when its holder dies. SQLite belongs to one process, which holds its directory's lock.
    """
    engine = make_engine(url)
    try:
        with told_trouble(), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": PREPARING})
            yield
    finally:
        engine.dispose()


def check_database(url: str) -> None:
    """Raise alembic's ``CommandError`` when the models need a migration that nobody wrote."""
    _run(url, command.check)


def _run(url: str, step: Callable[[Config], object]) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            step(config)
    finally:
        engine.dispose()
