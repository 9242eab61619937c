"""The embedded control plane: time from start to first page, and memory. Limits: 2 s and 160 MiB.

    python tests/bench/control_plane.py

Two starts on one data directory: the first makes tables, keys and people, the second finds them. Memory is the
proportional set size of all its processes after the pages below were read.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx2

from test_harness.images.registry import free_port

PAGES = ("/sign-in", "/tuf/metadata/timestamp.json", "/healthz", "/readyz")
LIMIT_SECONDS, LIMIT_MIB = 2.0, 160.0


def measure(data: Path) -> tuple[float, float]:
    """Return seconds to the first page, and MiB."""
    port = free_port("127.0.0.1")
    environment = os.environ | {"TIDEGATE_DATA_DIR": str(data), "TIDEGATE_PORT": str(port)}
    begun = time.monotonic()
    with (data / "log").open("wb") as log:
        child = subprocess.Popen([sys.executable, "-m", "control_plane", "up"], env=environment, stdout=log, stderr=log)
    try:
        seconds = first_page(f"http://127.0.0.1:{port}/sign-in", begun)
        for _ in range(20):
            for page in PAGES:
                httpx2.get(f"http://127.0.0.1:{port}{page}", timeout=20)
        return seconds, proportional_mib(child.pid)
    finally:
        child.terminate()
        child.wait(30)


def first_page(url: str, begun: float) -> float:
    """Ask until the page is there."""
    while time.monotonic() - begun < 60:
        try:
            if httpx2.get(url, timeout=20).is_success:
                return time.monotonic() - begun
        except httpx2.TransportError:
            time.sleep(0.01)
    raise SystemExit(f"{url} did not answer within 60 s")


def proportional_mib(pid: int) -> float:
    """Proportional set size of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    own = next(
        int(line.split()[1])
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        if line.startswith("Pss:")
    )
    return own / 1024 + sum(proportional_mib(int(child)) for child in children)


def main() -> None:
    """Print the table; exit code 1 where a limit is missed."""
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as folder:
        rows = [("first start", *measure(Path(folder))), ("second start", *measure(Path(folder)))]
    print(f"{'':14}{'first page':>12}{'memory':>12}")
    for name, seconds, mib in rows:
        print(f"{name:14}{seconds:>10.2f} s{mib:>8.0f} MiB")
    print(f"{'limit':14}{LIMIT_SECONDS:>10.2f} s{LIMIT_MIB:>8.0f} MiB")
    sys.exit(any(mib > LIMIT_MIB for _, _, mib in rows) or rows[1][1] > LIMIT_SECONDS)


if __name__ == "__main__":
    main()
