"""The copy of somebody's kubeconfig that a rehearsal works with goes with it, also when it was killed."""

from __future__ import annotations

import os
import time

from test_harness.clusters.existing import sweep_copies
from test_harness.scratch import LONGEST_SECONDS


def test_copies_of_killed_rehearsals_go_after_a_day_and_nothing_else(tmp_path):
    now = time.time()
    for name, age in {
        "existing-old": LONGEST_SECONDS + 60,
        "existing-new": 60,
        "another": LONGEST_SECONDS + 60,
    }.items():
        (tmp_path / f"{name}.kubeconfig").touch()
        os.utime(tmp_path / f"{name}.kubeconfig", (now - age, now - age))
    sweep_copies(tmp_path, now)
    assert {path.stem for path in tmp_path.iterdir()} == {"existing-new", "another"}
