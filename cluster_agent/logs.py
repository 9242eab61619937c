"""One line of JSON per event on standard output: time, event, fields. Callers never pass secrets."""

import sys
from datetime import UTC, datetime
from typing import Any

import msgspec


def log(event: str, **fields: Any) -> None:
    """Write one event."""
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **fields}
    sys.stdout.write(msgspec.json.encode(line, enc_hook=str).decode() + "\n")
    sys.stdout.flush()
