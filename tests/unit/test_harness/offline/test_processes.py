"""A process is its number and its start time, so a later one with the same number is another."""

from __future__ import annotations

import subprocess
import sys

import pytest

from test_harness.offline.processes import Process, process, this_process

IGNORES_TERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
)


@pytest.fixture
def stubborn():
    with subprocess.Popen([sys.executable, "-c", IGNORES_TERM], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield child
        child.kill()


def test_this_process_is_alive_and_the_same():
    me = this_process()

    assert me.is_alive()
    assert process(me.pid) == me


def test_same_number_with_another_start_is_another_process():
    assert not Process(this_process().pid, "boot.1").is_alive()


def test_ended_but_not_yet_reaped_counts_as_gone(stubborn):
    seen = process(stubborn.pid)
    stubborn.kill()
    while seen is not None and seen.is_alive():
        pass

    assert process(stubborn.pid) is None


def test_stop_kills_what_does_not_listen(stubborn):
    seen = process(stubborn.pid)
    assert seen is not None

    seen.stop(patience=0.2)

    assert stubborn.wait(5) == -9
    assert not seen.is_alive()


def test_stop_leaves_another_process_alone(stubborn):
    Process(stubborn.pid, "boot.1").stop(patience=0)

    assert stubborn.poll() is None
