"""How long choosing and explaining take: ``python tests/bench/versions.py``. Prints a table; ends with 1 if a bound is broken.

Bounds are medians of CPU time: 5 ms for 1,000 tags and 100 ms for 20,000, on two cores.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

from control_plane.domain.versions import Policy, choose, explain, parse_range

ROUNDS = 15
BOUNDS_MS = {1_000: 5.0, 20_000: 100.0}


def tags(count: int) -> list[str]:
    """Tags as registries have them: versions, pre-releases, variants, hashes, names."""
    dice = random.Random(4)
    forms = (
        "{0}.{1}.{2}",
        "v{0}.{1}.{2}",
        "{0}.{1}.{2}-rc.{3}",
        "{0}.{1}.{2}-alpine",
        "sha-{3:07x}",
        "{0}.{1}",
        "nightly-{3}",
    )
    return [
        dice.choice(forms).format(dice.randrange(9), dice.randrange(40), dice.randrange(40), dice.randrange(99_999))
        for _ in range(count)
    ]


def median_ms(work: Callable[[], object]) -> float:
    """Return the median CPU time of ``work`` in milliseconds: a busy machine does not change it much."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        times.append((time.process_time() - started) * 1_000)
    return statistics.median(times)


def main() -> int:
    """Measure, print, judge."""
    policy = Policy(parse_range(">=2.2.8 <7 || ^8.1"))
    broken = False
    print(f"{'tags':>8} {'choose ms':>10} {'explain ms':>11} {'bound ms':>9}")
    for count, bound in BOUNDS_MS.items():
        listed = tags(count)
        chosen, explained = median_ms(partial(choose, policy, listed)), median_ms(partial(explain, policy, listed))
        broken = broken or chosen > bound or explained > bound
        print(f"{count:>8} {chosen:>10.2f} {explained:>11.2f} {bound:>9.0f}")
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
