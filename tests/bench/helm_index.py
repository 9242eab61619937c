"""Bench: reading one chart out of a 30 MB index of a Helm repository: seconds and the memory that the process needs in all.

Run it: `scripts/in-env python -m tests.bench.helm_index`. The limit is 200 MB of memory, Python and its libraries included.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.helm_repository import write_large_index

SIZE = 30_000_000
LIMIT_MB = 200


def measure(path: Path, chart: str) -> None:
    """Read the index in this process and print what it took."""
    from control_plane.upstreams.helm_index import read_entries

    before, started = _peak_mb(), time.process_time()
    with path.open("rb") as file:
        entries = read_entries(file, chart, where=str(path)) or ()
    seconds = time.process_time() - started
    print(json.dumps({"versions": len(entries), "cpu_s": round(seconds, 2), "mb": _peak_mb(), "mb_before": before}))


def _peak_mb() -> float:
    """Return this program's own peak; ``getrusage`` would begin with that of the process that started it."""
    status = Path("/proc/self/status").read_text()
    return round(int(status.partition("VmHWM:")[2].split()[0]) / 1000, 1)


def main() -> int:
    """Print a line per layout; fail above the limit."""
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for layout, charts in (("many charts", 200), ("one chart", 1), ("JSON, many charts", 200)):
            path = Path(folder, "index.yaml")
            write_large_index(path, size=SIZE, charts=charts)
            if layout.startswith("JSON"):
                _as_json(path)
            command = [sys.executable, "-m", "tests.bench.helm_index", str(path), f"chart-{charts - 1}"]
            told = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
            print(f"{layout}: {path.stat().st_size / 1e6:.1f} MB, {told}")
            worst = max(worst, told["mb"])
    print(f"memory at most {worst} MB, limit {LIMIT_MB} MB")
    return 0 if worst <= LIMIT_MB else 1


def _as_json(path: Path) -> None:
    item = {"name": "x", "description": "y" * 300, "digest": "a" * 64, "urls": ["x.tgz"]}
    entries = {f"chart-{n}": [{**item, "version": f"1.{m}.0"} for m in range(SIZE // 200 // 460)] for n in range(200)}
    path.write_text(json.dumps({"apiVersion": "v1", "entries": entries}))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(Path(sys.argv[1]), sys.argv[2])
    else:
        sys.exit(main())
