"""A database that cannot work just now (disk full, not writable, not there) is ``Transient``, said with the next step.

Mistakes in queries stay what they are. Judged by the driver's error, so that Django's half of the tables is told about alike.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from control_plane.domain.errors import Transient

NEXT_STEPS = {
    "SQLITE_FULL": "its disk is full: free some space, then it goes on by itself",
    "SQLITE_READONLY": "it may not be written: mend the permissions of the data directory, then it goes on by itself",
    "SQLITE_CANTOPEN": "it cannot be opened: mend the permissions of the data directory or set TIDEGATE_DATA_DIR",
    "SQLITE_IOERR": "its disk does not work: look at the disk of the data directory and free some space",
    "SQLITE_BUSY": "another process holds it: end other programs that use the data directory",
    "SQLITE_CORRUPT": "it is damaged: put it back from your backup",
    "SQLITE_NOTADB": "it is damaged: put it back from your backup",
    "53100": "its server's disk is full: free some space there, then it goes on by itself",
    "connection": "its server does not answer: see its log and TIDEGATE_DATABASE_URL",
}


@contextmanager
def told_trouble() -> Iterator[None]:
    """Turn the driver's trouble into ``Transient``."""
    try:
        yield
    except Exception as error:
        cause = error.__cause__ or error
        step = NEXT_STEPS.get(_kind(cause))
        if step is None:
            raise
        said = str(cause).strip().partition("\n")[0]
        raise Transient(f"the database cannot be used, {step} ({said})", code="database_trouble") from error


def _kind(cause: BaseException) -> str:
    """Return the family of a SQLite error, the state that PostgreSQL gave, or ``connection`` where it gave none."""
    if isinstance(cause, sqlite3.Error):
        return "_".join(getattr(cause, "sqlite_errorname", "").split("_")[:2])
    if type(cause).__module__.partition(".")[0] != "psycopg":
        return ""
    state = getattr(cause, "sqlstate", None)
    if state is None:
        return "connection" if type(cause).__name__ in {"OperationalError", "ConnectionTimeout"} else ""
    return "connection" if state.startswith(("08", "57P")) else str(state)
