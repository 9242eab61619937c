"""Real servers from Debian's binaries, in a folder of their own, gone when the tests are. What is missing fails, with the command."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

USER = "postgres"
APT = "apt-get install --yes postgresql redis-server docker-registry"


def find_program(name: str, *folders: str) -> str:
    """Return the program's path, or fail with the command that installs it."""
    found = shutil.which(name, path=os.pathsep.join([*folders, os.environ.get("PATH", "")]))
    if found is None:
        pytest.fail(f"{name} is missing: {APT}")
    return found


def _postgres_folders() -> list[str]:
    return [str(folder) for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]


def free_port() -> int:
    """Return a port of loopback that nobody uses right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _as_postgres() -> list[str]:
    """PostgreSQL refuses to run as root: run it as Debian's user for it."""
    if os.geteuid() != 0:
        return []
    return [find_program("setpriv", "/usr/bin"), f"--reuid={USER}", f"--regid={USER}", "--init-groups"]


@contextmanager
def postgres(folder: Path, *, durable: bool = False) -> Iterator[str]:
    """Run a PostgreSQL server in ``folder``; yield its SQLAlchemy URL up to the database's name. ``durable``: it waits for its disk."""
    binaries, prefix, port = _postgres_folders(), _as_postgres(), free_port()
    if prefix:
        shutil.chown(folder, USER, USER)
    data = folder / "data"
    initdb = [
        find_program("initdb", *binaries),
        "-D",
        str(data),
        "-U",
        USER,
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C",
        "-N",
    ]
    subprocess.run([*prefix, *initdb], check=True, capture_output=True, cwd=folder)
    options = ["-k", str(folder), "-p", str(port), "-c", "listen_addresses=127.0.0.1"]
    fast = [] if durable else ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
    server = [find_program("postgres", *binaries), "-D", str(data), *options, *fast]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*prefix, *server], stdout=log, stderr=log, cwd=folder)
    try:
        _wait_for_port(port, process, folder / "log")
        _wait_for_answers(port)
        yield f"postgresql+psycopg://{USER}@127.0.0.1:{port}/"
    finally:
        _end(process, signal.SIGQUIT)


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Run a Redis server in ``folder``; yield its URL."""
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([find_program("redis-server"), *options], stdout=log, stderr=log)
    try:
        _wait_for_port(port, process, folder / "log")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        _end(process, signal.SIGTERM)


def _wait_for_port(port: int, process: "subprocess.Popen[bytes]", log: Path, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the server ended: {log.read_text()}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"the server did not come up within {seconds} s: {log.read_text()}")


def _wait_for_answers(port: int, seconds: float = 30.0) -> None:
    """A PostgreSQL that listens may still say that it is starting up."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            psycopg.connect(f"host=127.0.0.1 port={port} user={USER} dbname=postgres").close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _end(process: "subprocess.Popen[bytes]", number: int) -> None:
    process.send_signal(number)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Run Debian's docker-registry with its content in ``folder``; yield its URL."""
    port = free_port()
    config = folder / "registry.yml"
    config.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder / 'registry'}}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n"
    )
    with (folder / "registry.log").open("wb") as log:
        program = find_program("docker-registry")
        process = subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log)
    try:
        _wait_for_port(port, process, folder / "registry.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        _end(process, signal.SIGTERM)
