"""The child process of one rehearsal: ``python -m test_harness REQUEST.json``. See ``test_harness.runner`` for its manners."""

import os
import signal
import stat
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType
from typing import IO

import msgspec
import structlog

from cluster_agent.contract import canonical_json
from test_harness.errors import CutOff
from test_harness.rehearsal import rehearse
from test_harness.runner import EXIT_CODES, RunRequest, StepReport


def main() -> int:
    """Rehearse the request of the file named on the command line; return the exit code."""
    if len(sys.argv) != 2:
        print("usage: python -m test_harness REQUEST.json", file=sys.stderr)  # noqa: T201  a person's mistake
        return EXIT_CODES["errored"]
    _end_with_parent()
    signal.signal(signal.SIGTERM, _cut_off)
    request_file = Path(sys.argv[1])
    request = msgspec.json.decode(request_file.read_bytes(), type=RunRequest)
    with _events() as events, tempfile.TemporaryDirectory(prefix="tidegate-rehearsal-") as work:
        Path(request.evidence).mkdir(parents=True, exist_ok=True)
        report = rehearse(request, work=Path(work), tell=lambda step: _tell(events, step))
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        fresh = request_file.with_name("report.new")
        fresh.write_bytes(canonical_json(report))
        fresh.replace(request_file.with_name("report.json"))
    return EXIT_CODES[report.verdict]


def _tell(events: IO[bytes], step: StepReport) -> None:
    events.write(msgspec.json.encode(step) + b"\n")
    events.flush()


def _events() -> IO[bytes]:
    """Keep standard output for steps alone; what anything else prints goes to the log."""
    events = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    return events


def _cut_off(_signal: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once: what follows saves the evidence and removes the cluster
    raise CutOff("the rehearsal was stopped: its time was up")


def _end_with_parent() -> None:
    """Where standard input is a pipe, its other end is the parent: kill our whole group when that closes."""
    if not stat.S_ISFIFO(os.fstat(0).st_mode) or os.getpgrp() != os.getpid():
        return

    def watch() -> None:
        while os.read(0, 1024):
            pass
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
