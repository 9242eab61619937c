"""Several processes that start at once on an empty PostgreSQL: one prepares it, the others wait for their turn."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from control_plane.store.migrate import check_database
from tests.integration.conftest import _administer

pytestmark = pytest.mark.services
ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = 3
PREPARE = """
from control_plane.cli import processes
processes._initialise(processes._prepare())
"""


def test_one_makes_tables_and_people_and_the_others_wait(postgres_server: str, tmp_path: Path) -> None:
    _administer(postgres_server, "CREATE DATABASE started_together")
    url = postgres_server + "started_together"
    environment = os.environ | {"TIDEGATE_DATABASE_URL": url, "PYTHONPATH": str(ROOT)}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PREPARE],
            env=environment | {"TIDEGATE_DATA_DIR": str(tmp_path / str(number)), "TIDEGATE_PORT": str(free)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for number, free in enumerate(_free_ports())
    ]
    said = [each.communicate(timeout=120)[1] for each in started]
    assert [each.returncode for each in started] == [0] * AT_ONCE, said
    assert sum("First sign-in" in each for each in said) == 1
    check_database(url)
    engine = create_engine(url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM accounts_user WHERE name = 'admin'")).scalar() == 1
    engine.dispose()
    _administer(postgres_server, "DROP DATABASE started_together WITH (FORCE)")


def _free_ports() -> list[int]:
    from tests.support.databases import free_port

    return [free_port() for _ in range(AT_ONCE)]
