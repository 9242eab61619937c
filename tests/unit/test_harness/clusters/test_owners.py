"""Whether a marker still names an owner."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from test_harness.clusters.leftovers import leftover_names, unseen
from test_harness.clusters.owners import KEPT, Marker, owner_of
from test_harness.offline.processes import here, process, this_process

PRINT_MARK = """
import sys
from test_harness.clusters.owners import owner_of
from test_harness.offline.processes import here, this_process
print(owner_of(this_process()), here(), flush=True)
sys.stdin.read()
"""


def marker(owner: str, place: str = "") -> Marker:
    return Marker("volume", "tidegate-a", owner, place)


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


def test_earlier_start_of_this_machine_owns_nothing():
    assert marker(f"{this_process().pid}@another-boot.1", here()).is_void()


def test_what_another_machine_or_container_owns_is_not_ours_to_judge():
    gone = marker(f"{this_process().pid}@another-boot.1", "elsewhere")
    assert (gone.is_void(), gone.is_seen()) == (False, False)
    assert marker(KEPT, "elsewhere").is_seen()
    assert marker(owner_of(this_process())).is_seen()


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root and unshare")
def test_process_of_another_pid_namespace_keeps_its_cluster():
    command = ["unshare", "--fork", "--pid", "--mount-proc", sys.executable, "-c", PRINT_MARK]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        owner, place = child.stdout.readline().split()
        theirs = marker(owner, place)
        assert place != here()
        assert (theirs.is_void(), theirs.is_seen()) == (False, False)
        assert marker(owner).is_void()  # what the former format could not tell
        child.communicate("")


class Engine:
    """A Docker Engine that knows volumes only, and prints them as the real one does."""

    def __init__(self, *rows: tuple[str, str, str, str]) -> None:
        self.rows = rows

    def docker(self, *_: str) -> str:
        return "\n".join("\t".join(row) for row in self.rows) + "\n"


def test_markers_of_both_formats_are_read_and_foreign_ones_are_no_leftovers():
    gone, alive = f"{this_process().pid}@another-boot.1", owner_of(this_process())
    engine = Engine(
        ("v1", "tidegate-theirs", gone, "elsewhere"),
        ("v2", "tidegate-ours", alive, here()),
        ("v3", "tidegate-left", gone, here()),
        ("v4", "tidegate-mixed", gone, "elsewhere"),
        ("v5", "tidegate-mixed", alive, here()),
        ("v6", "tidegate-kept", KEPT, "elsewhere"),
        ("v7", "tidegate-old", gone, ""),
    )
    assert leftover_names(engine) == ["tidegate-left", "tidegate-old"]
    assert [mark.volume for mark in unseen(engine)] == ["v1"]


@pytest.mark.parametrize("owner", ["", "@", "x@y", "12"])
def test_unreadable_owner_owns_nothing(owner):
    assert marker(owner).is_void()
