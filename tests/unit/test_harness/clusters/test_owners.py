"""Whether a marker still names an owner."""

from __future__ import annotations

import subprocess

import pytest

from test_harness.clusters.owners import KEPT, Marker, owner_of
from test_harness.offline.processes import process, this_process


def marker(owner: str) -> Marker:
    return Marker("volume", "tidegate-a", owner)


def test_living_process_owns():
    assert not marker(owner_of(this_process())).is_void()


def test_kept_cluster_needs_no_process():
    assert not marker(KEPT).is_void()


def test_ended_process_owns_nothing():
    with subprocess.Popen(["sleep", "60"]) as child:
        seen = process(child.pid)
        assert seen is not None
        assert not marker(owner_of(seen)).is_void()
        child.kill()

    assert marker(owner_of(seen)).is_void()


def test_later_process_with_the_same_number_owns_nothing():
    assert marker(f"{this_process().pid}@another-boot.1").is_void()


@pytest.mark.parametrize("owner", ["", "@", "x@y", "12"])
def test_unreadable_owner_owns_nothing(owner):
    assert marker(owner).is_void()
