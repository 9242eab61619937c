"""Asks one host as fast as it may: ``python -m tests.support.asking_process URL PER_SECOND SECONDS``. Prints how often it asked.

It is a process of an installation: what it knows of hosts is in the database that settings name.
"""

import sys
import time

from control_plane.domain.errors import Transient
from control_plane.services.hosts import SharedLedger
from control_plane.upstreams.http import PoliteClient
from control_plane.upstreams.politeness import Limits


def main(url: str, per_second: float, seconds: float) -> int:
    """Ask, and wait where that is said."""
    asked = 0
    with PoliteClient(default=Limits(per_second=per_second), ledger=SharedLedger()) as client:
        until = time.monotonic() + seconds
        print("ready", flush=True)
        while time.monotonic() < until:
            try:
                client.get(url)
                asked += 1
            except Transient as error:
                time.sleep(min(error.retry_after, 1.0))
    return asked


if __name__ == "__main__":
    print(main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3])))
