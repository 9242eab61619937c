"""The entrypoint of our PostgreSQL image, with Debian's PostgreSQL: it behaves as the published image's does."""

import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.support import databases

ENTRYPOINT = Path(__file__).parents[3] / "examples" / "postgres" / "docker-entrypoint.sh"
SETTINGS = {"POSTGRES_USER": "miniflux", "POSTGRES_PASSWORD": "secret", "POSTGRES_DB": "feeds"}


@pytest.fixture
def folder():
    """Not pytest's: that is below a folder that user postgres may not enter; the checkout may be, so its script is copied."""
    made = Path(subprocess.check_output([*databases._as_postgres(), "mktemp", "-d"], text=True, cwd="/").strip())
    shutil.copy(ENTRYPOINT, made / "entrypoint.sh")
    (made / "entrypoint.sh").chmod(0o755)
    yield made
    subprocess.run(["rm", "-rf", made], check=True)


@contextmanager
def started(folder, settings, port=0):
    """The entrypoint's process group; killed at the end."""
    path = os.pathsep.join([*databases._postgres_folders(), os.environ["PATH"]])
    environment = {"PATH": path, "PGDATA": str(folder / "data"), "LANG": "C.UTF-8"} | settings
    command = [folder / "entrypoint.sh", "postgres", "-p", str(port), "-c", f"unix_socket_directories={folder}"]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [*databases._as_postgres(), *command], env=environment, stderr=log, cwd="/", start_new_session=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ask(port, question, password="secret"):
    address = f"host=127.0.0.1 port={port} user=miniflux password={password} dbname=feeds connect_timeout=5"
    deadline = time.monotonic() + 30
    while True:
        try:
            with psycopg.connect(address) as connection:
                return connection.execute(question).fetchone()[0]
        except psycopg.OperationalError as error:
            waiting = "refused" in str(error) or "starting up" in str(error) or "not yet accepting" in str(error)
            if not waiting or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_database_and_user_are_made_at_the_first_start_and_kept_at_the_next(folder):
    port = databases.free_port()
    with started(folder, SETTINGS, port):
        assert ask(port, "SELECT current_database() || '/' || current_user") == "feeds/miniflux"
        assert ask(port, "SELECT lo_from_bytea(4711, 'kept')") == 4711
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            ask(port, "SELECT 1", password="wrong")
    with started(folder, SETTINGS | {"POSTGRES_PASSWORD": "another"}, port):
        assert ask(port, "SELECT lo_get(4711)") == b"kept"
    assert not (folder / "data" / ".new").exists()


@pytest.mark.parametrize("seen", [".new/PG_VERSION", ".new/global/pg_control", "base"])
def test_a_start_killed_half_way_is_no_obstacle(folder, seen):
    with started(folder, SETTINGS):
        until((folder / "data" / seen).exists)
    port = databases.free_port()
    with started(folder, SETTINGS, port):
        assert ask(port, "SELECT 1") == 1


def test_a_start_killed_between_making_and_moving_goes_on(folder):
    data, port = folder / "data", databases.free_port()
    with started(folder, SETTINGS, port):
        assert ask(port, "SELECT lo_from_bytea(4711, 'kept')") == 4711
        ask(port, "SELECT pg_switch_wal()::text")
    (data / ".new").mkdir()
    for name in ("base", "pg_wal", "PG_VERSION"):
        (data / name).rename(data / ".new" / name)
    (data / ".new" / "made").touch()
    (data / "postmaster.pid").unlink(missing_ok=True)
    subprocess.run(["chown", "--recursive", "--reference", data, data / ".new"], check=True)
    with started(folder, SETTINGS, port):
        assert ask(port, "SELECT lo_get(4711)") == b"kept"


def test_no_database_is_made_without_a_password(folder):
    with started(folder, {"POSTGRES_USER": "miniflux"}) as process:
        assert process.wait(timeout=10) != 0
    assert "set POSTGRES_PASSWORD" in (folder / "log").read_text()
    assert not (folder / "data").exists()


def test_the_password_may_be_in_a_file(folder):
    secret, port = folder / "password", databases.free_port()
    secret.write_text("from-a-file\n")
    secret.chmod(0o644)
    settings = {key: value for key, value in SETTINGS.items() if key != "POSTGRES_PASSWORD"}
    with started(folder, settings | {"POSTGRES_PASSWORD_FILE": str(secret)}, port):
        assert ask(port, "SELECT 1", password="from-a-file") == 1
