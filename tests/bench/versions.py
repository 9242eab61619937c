"""How long choosing and explaining take in each dialect: ``python tests/bench/versions.py``. Prints a table; 1 where a bound is broken.

Bounds are medians of CPU time of ``explain``: 5 ms for 1,000 tags and 100 ms for 20,000, on two cores. Cold is the first call of a
fresh process, which has imported everything and remembers nothing; warm are the calls after it.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from multiprocessing.pool import Pool
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))  # before this folder, which has a control_plane.py of its own
from control_plane.domain.versions.dialects import DIALECTS
from control_plane.domain.versions.policy import Context, Dialect, Filter, Guards, Policy, Quarantine, Tag
from control_plane.domain.versions.selection import choose, explain

ROUNDS, COLD_ROUNDS = 15, 5
BOUNDS_MS = {1_000: 5.0, 20_000: 100.0}
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
# What is followed, and the rule.
POLICIES: dict[Dialect, tuple[str, str]] = {
    "helm": ("2.3.4", ">=2.2.8 <7 || ^8.1"),
    "keel": ("2.3.4", "minor"),
    "flux-semver": ("2.3.4", ">=2.2.8 <7"),
    "flux-alphabetical": ("2.3.4", "*"),
    "flux-numerical": ("234", "*"),
    "flux1": ("2.3.4", "semver:>=2.2.8 <7"),
    "argocd-semver": ("2.3.4", ">=2.2.8 <7"),
    "argocd-newest-build": ("2.3.4", "any"),
    "argocd-alphabetical": ("2.3.4", "any"),
    "argocd-digest": ("2.3", "2.3"),
    "frontier": ("2.3.4", "1"),
    "pep440": ("2.3.4", ">=2.2.8,<7"),
    "calendar": ("2024.01.1", "YYYY.0M.MICRO"),
    "docker": ("2.3.4-alpine", "*"),
}
EVERYTHING = Policy(
    rule=">=2.2.8 <7",
    filter=Filter(include=("glob:*.*",), exclude=("regexp:nightly",), extract="regexp:^v?(.*)$", to="$1"),
    guards=Guards(platforms=("linux/amd64", "linux/arm64"), minimum_age_seconds=86_400, majors="ask", behind=2),
)
HELD = Quarantine(pattern="glob:3.1.*", reason="breaks feeds", author="anna")


def tags(count: int) -> list[Tag]:
    """Tags as registries have them: versions, pre-releases, variants, dates, hashes, names."""
    dice = random.Random(4)
    forms = (
        "{0}.{1}.{2}", "v{0}.{1}.{2}", "{0}.{1}.{2}-rc.{3}", "{0}.{1}.{2}-alpine", "sha-{3:07x}", "{0}.{1}", "nightly-{3}",
        "202{0}.0{0}.{3}", "{3}",
    )  # fmt: skip
    made = (
        dice.choice(forms).format(dice.randrange(1, 9), dice.randrange(40), dice.randrange(400), dice.randrange(99_999))
        for _ in range(count * 2)
    )
    return [
        Tag(
            name=name,
            digest=f"sha256:{number:064x}",
            first_seen_at=NOW - timedelta(hours=number % 72),
            created_at=NOW - timedelta(minutes=number),
            platforms=("linux/amd64", "linux/arm64/v8") if number % 3 else ("linux/amd64",),
        )
        for number, name in enumerate(list(dict.fromkeys(made))[:count])
    ]


def cpu_ms(work: Callable[[], object]) -> float:
    """Return the CPU time of ``work`` in milliseconds: a busy machine does not change it much."""
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1_000


def median_ms(work: Callable[[], object]) -> float:
    """Return the median of ``ROUNDS`` runs."""
    return statistics.median(cpu_ms(work) for _ in range(ROUNDS))


class Case(NamedTuple):
    """A policy, what is followed, and how many tags there are."""

    name: str
    policy: Policy
    followed: str
    count: int

    @property
    def context(self) -> Context:
        """What choosing depends on besides."""
        return Context(now=NOW, current=self.followed, quarantines=(HELD,))


def cold_ms(case: Case) -> float:
    """Return the time of the first call in this process."""
    listed = tags(case.count)
    return cpu_ms(partial(explain, case.policy, listed, case.context))


def measure(case: Case, cold: float) -> bool:
    """Measure, print a line; say whether the bound holds."""
    listed, bound = tags(case.count), BOUNDS_MS[case.count]
    warm = median_ms(partial(explain, case.policy, listed, case.context))
    chosen = median_ms(partial(choose, case.policy, listed, case.context))
    print(f"{case.name:<22}{case.count:>8,}{cold:>10.2f}{warm:>10.2f}{chosen:>12.2f}{bound:>10.0f}", flush=True)
    return max(cold, warm) <= bound


def colds(pool: Pool, cases: list[Case]) -> list[float]:
    """Return the median of each case's first calls, each in a process of its own."""
    return [statistics.median(pool.map(cold_ms, [case] * COLD_ROUNDS, chunksize=1)) for case in cases]


def main() -> int:
    """Measure every dialect, and one policy with all filters and guards."""
    assert POLICIES.keys() == DIALECTS.keys()
    policies = {name: (Policy(dialect=name, rule=rule), followed) for name, (followed, rule) in POLICIES.items()}
    policies |= {"helm, all guards": (EVERYTHING, "2.3.4")}
    cases = [Case(name, *policy, count) for count in BOUNDS_MS for name, policy in policies.items()]
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        first = colds(pool, cases)
    print(f"{'dialect':<22}{'tags':>8}{'cold ms':>10}{'warm ms':>10}{'choose ms':>12}{'bound ms':>10}")
    holds = [measure(case, cold) for case, cold in zip(cases, first, strict=True)]
    return int(not all(holds))


if __name__ == "__main__":
    sys.exit(main())
