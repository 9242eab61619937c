"""The runtime wrapper takes from a container's description exactly what needs CAP_SYS_RESOURCE."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from test_harness.offline import runc_without_sys_resource

PROCESS = {
    "args": ["/sbin/init"],
    "capabilities": {"bounding": ["CAP_CHOWN", "CAP_SYS_RESOURCE"], "effective": ["CAP_SYS_RESOURCE"]},
    "oomScoreAdj": -999,
    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1, "soft": 1}],
}
MENDED = {
    "args": ["/sbin/init"],
    "capabilities": {"bounding": ["CAP_CHOWN"], "effective": []},
    "oomScoreAdj": 0,
}


def run_wrapper(tmp_path: Path, *arguments: str) -> list[str]:
    """The arguments that runc got; a stand-in for runc writes them down."""
    told = tmp_path / "told"
    runc = tmp_path / "runc"
    runc.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {told}\n')
    runc.chmod(0o755)
    program = Path(runc_without_sys_resource.__file__)
    subprocess.run([sys.executable, "-IS", program, *arguments], env={"PATH": f"{tmp_path}:/bin:/usr/bin"}, check=True)
    return told.read_text().splitlines()


def test_containers_bundle_is_mended(tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"ociVersion": "1.0", "process": PROCESS}))

    told = run_wrapper(tmp_path, "create", "--bundle", str(tmp_path), "id")

    assert told == ["create", "--bundle", str(tmp_path), "id"]
    assert json.loads(config.read_text()) == {"ociVersion": "1.0", "process": MENDED}


def test_process_of_an_exec_is_mended(tmp_path):
    description = tmp_path / "process.json"
    description.write_text(json.dumps(PROCESS))

    run_wrapper(tmp_path, "exec", "--process", str(description), "id")

    assert json.loads(description.read_text()) == MENDED


def test_positive_oom_score_is_kept(tmp_path):
    description = tmp_path / "process.json"
    description.write_text(json.dumps({"oomScoreAdj": 300}))

    run_wrapper(tmp_path, "exec", "--process", str(description), "id")

    assert json.loads(description.read_text()) == {"oomScoreAdj": 300}


def test_other_commands_pass_through(tmp_path):
    assert run_wrapper(tmp_path, "state", "id") == ["state", "id"]
