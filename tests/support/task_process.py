"""Starts a part of the tasks in this process, with the fake harness: ``python -m tests.support.task_process embedded|worker|beat|up``."""

import signal
import sys
import threading
from pathlib import Path

from test_harness import runner

runner.PROGRAM = (sys.executable, str(Path(__file__).with_name("fake_harness.py")))


def embedded() -> None:
    from control_plane.tasks.embedded import start_embedded

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    join = start_embedded(stop)
    stop.wait()
    join()


def worker() -> None:
    from control_plane.tasks.programs import worker_main

    worker_main(queues="tidegate,rehearsals", concurrency=4)


def beat() -> None:
    from control_plane.tasks.programs import beat_main

    beat_main()


def up() -> None:
    from control_plane.cli.processes import run_embedded

    run_embedded()


{"embedded": embedded, "worker": worker, "beat": beat, "up": up}[sys.argv[1]]()
