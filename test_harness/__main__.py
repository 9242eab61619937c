"""The child process of one rehearsal: ``python -m test_harness REQUEST.json``. See ``test_harness.runner`` for its manners."""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import IO

import msgspec
import structlog

from cluster_agent.applying.registry_login import Logins
from cluster_agent.contract import canonical_json
from test_harness.errors import CutOff
from test_harness.lifeline import end_with_parent, handed_over
from test_harness.rehearsal import rehearse
from test_harness.runner import EXIT_CODES, RunRequest, StepReport
from test_harness.scratch import scratch


def main() -> int:
    """Rehearse the request of the file named on the command line; return the exit code."""
    if len(sys.argv) != 2:
        print("usage: python -m test_harness REQUEST.json", file=sys.stderr)  # noqa: T201  a person's mistake
        return EXIT_CODES["errored"]
    logins = Logins(config=handed_over())
    end_with_parent()
    signal.signal(signal.SIGTERM, _cut_off)
    request_file = Path(sys.argv[1])
    request = msgspec.json.decode(request_file.read_bytes(), type=RunRequest)
    with _events() as events, scratch("rehearsal") as work:
        Path(request.evidence).mkdir(parents=True, exist_ok=True)
        report = rehearse(request, work=work, tell=lambda step: _tell(events, step), logins=logins)
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


if __name__ == "__main__":
    sys.exit(main())
