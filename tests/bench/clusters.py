"""How long a cluster takes, beside bare `kind create cluster` in the same run. Limits: ready ≤ 1 s later; pool ≤ 1 s.

    python tests/bench/clusters.py

Makes six clusters one after the other and side by side: about two minutes on two idle cores.
"""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from test_harness.clusters.kind import KindProvider
from test_harness.clusters.kind_config import cluster_config
from test_harness.clusters.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 2
LATER_SECONDS = 1.0
POOL_SECONDS = 1.0
ASLEEP_SECONDS = 35
"""Longer than the 30 s after which a kubelet that was frozen takes its runtime for dead."""


def seconds(action: Callable[[], object]) -> float:
    """How long it takes."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def bare(provider: KindProvider, name: str) -> float:
    """`kind create cluster` by itself, with the same image and configuration."""
    ready = provider.ready
    with TemporaryDirectory() as folder:
        config = Path(folder, "config.yaml")
        config.write_text(cluster_config(patched=ready.decision.kubeadm_patches))
        options = ["--name", name, "--kubeconfig", Path(folder, "kubeconfig")]
        image = ["--image", ready.node_image] if ready.node_image else []
        told = {"env": ready.engine.environment(), "check": True, "capture_output": True}
        took = seconds(
            lambda: subprocess.run([ready.kind, "create", "cluster", *options, *image, "--config", config], **told)
        )
        subprocess.run([ready.kind, "delete", "cluster", *options], **told)
    return took


def ours(provider: KindProvider, name: str) -> float:
    """Ours: until the node is ready and pods can be made."""
    begun = time.perf_counter()
    cluster = provider.create(name)
    took = time.perf_counter() - begun
    cluster.delete()
    return took


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
    pairs = [(bare(provider, f"bench-bare-{n}"), ours(provider, f"bench-ours-{n}")) for n in range(ROUNDS)]
    base = median(first for first, _ in pairs)
    single = median(second for _, second in pairs)
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
