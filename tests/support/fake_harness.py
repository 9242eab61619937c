"""A harness's program that speaks the runner's protocol and makes no cluster: ``python fake_harness.py REQUEST.json``.

It takes ``TIDEGATE_CACHE_DIR``'s file ``rehearsal-seconds`` as its length; that variable is what the runner passes on.
"""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from test_harness.runner import RunReport, RunRequest, StepReport

request_file = Path(sys.argv[1])
request = msgspec.json.decode(request_file.read_bytes(), type=RunRequest)
step = StepReport(name="install", title="install", state="running", started_at=datetime.now(UTC))
sys.stdout.write(msgspec.json.encode(step).decode() + "\n")
sys.stdout.flush()
length = Path(os.environ.get("TIDEGATE_CACHE_DIR", "."), "rehearsal-seconds")
time.sleep(float(length.read_text()) if length.exists() else 0)
done = msgspec.structs.replace(step, state="passed", ended_at=datetime.now(UTC))
report = RunReport(run_id=request.run_id, verdict="passed", reason="all is well", steps=(done,))
request_file.with_name("report.json").write_bytes(msgspec.json.encode(report))
