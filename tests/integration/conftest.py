"""Real PostgreSQL and Redis, once per session; a fresh migrated database for each test, on SQLite and PostgreSQL alike."""

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from control_plane.store.migrate import upgrade_database
from control_plane.store.session import make_engine
from tests.support import databases
from tests.support.world import World

TEMPLATE = "tidegate_template"


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A short path that other users may enter: sockets have short names, PostgreSQL runs as its own user."""
    folder = Path(tempfile.mkdtemp(prefix="tidegate-servers-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(server_folder: Path) -> Iterator[str]:
    """URL of a PostgreSQL server up to the database's name; its template database is migrated."""
    folder = server_folder / "pg"
    folder.mkdir()
    with databases.postgres(folder) as url:
        _administer(url, f"CREATE DATABASE {TEMPLATE}")
        upgrade_database(url + TEMPLATE)
        yield url


@pytest.fixture(scope="session")
def redis_server(server_folder: Path) -> Iterator[str]:
    """URL of a Redis server."""
    folder = server_folder / "redis"
    folder.mkdir()
    with databases.redis(folder) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """URL of a fresh migrated database."""
    name = f"test_{uuid.uuid4().hex}"
    _administer(postgres_server, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield postgres_server + name
    _administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """URL of a fresh migrated database."""
    url = f"sqlite:///{tmp_path / 'tidegate.sqlite3'}"
    upgrade_database(url)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each database in turn."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on ``database_url``."""
    made = make_engine(database_url)
    yield made
    made.dispose()


@pytest.fixture
def world(engine: Engine, tmp_path: Path) -> World:
    """A control plane on ``engine``."""
    return World(engine, tmp_path)


def _administer(server: str, statement: str) -> None:
    engine = create_engine(server + "postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
