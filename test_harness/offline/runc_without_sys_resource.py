#!/usr/bin/env python3
"""runc, less the one capability that this machine may not grant.

dockerd starts this file in place of runc. It takes CAP_SYS_RESOURCE, resource limits and negative out-of-memory
scores from the container's (or the exec'd process's) description, which is all that fails without that capability,
and then becomes runc. It must start fast and stand alone: no imports but the standard library's.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def mend(process: dict[str, Any]) -> None:
    """Take from one OCI process description what needs CAP_SYS_RESOURCE."""
    for kind, names in (process.get("capabilities") or {}).items():
        process["capabilities"][kind] = [name for name in names if name != "CAP_SYS_RESOURCE"]
    process["oomScoreAdj"] = max(process.get("oomScoreAdj") or 0, 0)
    process.pop("rlimits", None)


def mend_file(path: Path, pick: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Rewrite one JSON file in place: runc reads it right after."""
    data = json.loads(path.read_text())
    mend(pick(data))
    path.write_text(json.dumps(data))


def main(arguments: list[str]) -> None:
    """Mend what the arguments point to, then become runc."""
    if "--bundle" in arguments:
        mend_file(Path(arguments[arguments.index("--bundle") + 1], "config.json"), lambda data: data["process"])
    if "--process" in arguments:
        mend_file(Path(arguments[arguments.index("--process") + 1]), lambda data: data)
    os.execv(shutil.which("runc") or "/usr/sbin/runc", ["runc", *arguments])  # noqa: S606 - becoming runc is the point


if __name__ == "__main__":
    main(sys.argv[1:])
