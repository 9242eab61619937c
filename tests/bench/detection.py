"""What polling repositories that did not change costs: ``python -m tests.bench.detection``. Prints a table; 1: a bound is broken.

5,000 repositories in a small registry (a process of its own), looked at as sources are, with memos as the database keeps them,
against a bare loop of HEAD requests with the same HTTP client. Bounds: 5 ms of CPU per look, and 1.5 times the bare loop's.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

import httpx2

from control_plane.domain.sources import SourceSpec
from control_plane.upstreams.http import PoliteClient
from control_plane.upstreams.oci import RegistryClient
from control_plane.upstreams.oci_source import OciSource
from control_plane.upstreams.politeness import Limits

REPOSITORIES, ROUNDS = 5_000, 2
BOUND_MS, BOUND_RATIO = 5.0, 1.5
MINUTES_A_DAY = 1_440
UNBOUNDED = Limits(per_second=1e6, per_hour=10**9)


class Server:
    """The registry's process; ``requests`` is how many it has answered."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.support.small_registry", str(REPOSITORIES)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self._line()

    def requests(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._line())

    def stop(self) -> None:
        self._process.communicate()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def cpu_ms(work: Callable[[int], object]) -> float:
    """Return the CPU time of ``work`` per repository in milliseconds: the best of some rounds."""
    rounds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for number in range(REPOSITORIES):
            work(number)
        rounds.append((time.process_time() - started) * 1_000 / REPOSITORIES)
    return min(rounds)


def measure(server: Server) -> int:
    """Measure, print, judge."""
    specs = [SourceSpec(kind="oci", location=f"registry.example.com/acme/app-{n}") for n in range(REPOSITORIES)]
    http = PoliteClient(default=UNBOUNDED)
    registry = RegistryClient(mirrors={"*": server.url}, http=http)
    source = OciSource(registry)
    memos: list[Mapping[str, str]] = []
    for spec in specs:
        listing = source.listing(spec, {})
        assert listing is not None
        memos.append(listing.memo)

    def look(number: int) -> None:
        assert source.listing(specs[number], memos[number]) is None

    before = server.requests()
    looking = cpu_ms(look)
    per_look = (server.requests() - before) / REPOSITORIES / ROUNDS
    following = cpu_ms(lambda number: registry.head(f"{specs[number].location}:latest"))
    with httpx2.Client() as bare:
        url = f"{server.url}/v2/acme/app-%d/manifests/latest"
        loop = cpu_ms(lambda number: bare.head(url % number).raise_for_status())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{REPOSITORIES} repositories, unchanged     CPU ms each   × bare loop")
    print(f"bare loop of HEAD requests        {loop:10.3f}         1.00")
    print(
        f"look at all tags (conditional)    {looking:10.3f}   {looking / loop:10.2f}   bounds {BOUND_MS:g} ms, {BOUND_RATIO}"
    )
    print(
        f"follow a mutable tag (HEAD)       {following:10.3f}   {following / loop:10.2f}   bounds {BOUND_MS:g} ms, {BOUND_RATIO}"
    )
    print(f"requests per look {per_look:g}; per repository and day, every minute: {per_look * MINUTES_A_DAY:.0f}")
    print(f"memory at most {memory:.0f} MiB")
    worst = max(looking, following)
    return int(worst > BOUND_MS or worst > BOUND_RATIO * loop or per_look > 1)


def main() -> int:
    """Start the registry, measure, stop it."""
    server = Server()
    try:
        return measure(server)
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
