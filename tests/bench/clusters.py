"""How long a cluster takes, beside bare `kind create cluster` in the same run. Limits: ready ≤ 1 s later; pool ≤ 1 s.

    python tests/bench/clusters.py

Bare kind is timed inside ours: it is the same `kind create cluster`, so that what else the machine does in the meantime
falls on both. Makes five clusters: about two minutes on two idle cores.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from test_harness.clusters.kind import KindProvider
from test_harness.clusters.pool import Pool

ROUNDS = 2
LATER_SECONDS = 1.0
POOL_SECONDS = 1.0
ASLEEP_SECONDS = 35
"""Longer than the 30 s after which a kubelet that was frozen takes its runtime for dead."""


TIMED = """#!/bin/sh
[ "$1" = create ] || exec {kind} "$@"
begun=$(date +%s.%N)
{kind} "$@" || exit
echo "$(date +%s.%N) - $begun" | awk '{{print $1 - $3}}' > {times}
"""


def timed_kind(provider: KindProvider, folder: Path) -> KindProvider:
    """The same provider, whose kind writes down how long each `create` of a cluster takes."""
    script = folder / "kind"
    script.write_text(TIMED.format(kind=provider.ready.kind, times=folder / "times"))
    script.chmod(0o755)
    return replace(provider, ready=replace(provider.ready, kind=script))


def one(provider: KindProvider, name: str) -> tuple[float, float]:
    """Seconds of bare kind, and of ours until the node is ready and pods can be made."""
    with TemporaryDirectory() as folder:
        timed = timed_kind(provider, Path(folder))
        begun = time.perf_counter()
        cluster = timed.create(name)
        took = time.perf_counter() - begun
        bare = float(Path(folder, "times").read_text())
        cluster.delete()
    return bare, took


def side_by_side(provider: KindProvider) -> float:
    """Two of ours at once, until both are ready."""
    with ThreadPoolExecutor(2) as threads:
        begun = time.perf_counter()
        clusters = list(threads.map(provider.create, ["bench-left", "bench-right"]))
        took = time.perf_counter() - begun
        list(threads.map(lambda cluster: cluster.delete(), clusters))
    return took


def from_pool(provider: KindProvider) -> float:
    """Taking a cluster that slept."""
    pool = Pool(provider=provider, size=1, name="bench-pool")
    pool.fill()
    time.sleep(ASLEEP_SECONDS)
    begun = time.perf_counter()
    cluster = pool.take()
    took = time.perf_counter() - begun
    cluster.delete()
    return took


def main() -> int:
    """Print the table; exit code 1 where a limit is missed."""
    provider = KindProvider()
    pairs = [one(provider, f"bench-{number}") for number in range(ROUNDS)]
    base = median(bare for bare, _ in pairs)
    single = base + median(took - bare for bare, took in pairs)
    two = side_by_side(provider)
    pooled = from_pool(provider)
    rows = [
        ("bare kind create cluster", base, "", True),
        ("ours, until pods can be made", single, f"≤ {base + LATER_SECONDS:.1f}", single <= base + LATER_SECONDS),
        ("two of ours side by side", two, "", True),
        (f"from the pool, asleep for {ASLEEP_SECONDS} s", pooled, f"≤ {POOL_SECONDS:.1f}", pooled <= POOL_SECONDS),
    ]
    print(f"{'cluster ready after':34} {'seconds':>8} {'ratio':>6}  limit")
    for what, took, limit, kept in rows:
        print(f"{what:34} {took:8.2f} {took / base:6.2f}  {limit}{'' if kept else '  MISSED'}")
    return 0 if all(kept for *_, kept in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
