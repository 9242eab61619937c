"""`tidegate doctor` looks at what the settings name: the cluster that rehearsals borrow, the data folder, the port."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TIDEGATE = Path(sys.executable).with_name("tidegate")


def doctor(**settings: object) -> tuple[int, dict[str, dict[str, Any]]]:
    told = {f"TIDEGATE_{name.upper()}": str(value) for name, value in settings.items()}
    done = subprocess.run([TIDEGATE, "doctor", "-o", "json"], env=os.environ | told, capture_output=True, check=False)
    return done.returncode, {check["name"]: check for check in json.loads(done.stdout)}


@pytest.fixture
def taken():
    """A port at which something listens that is not Tidegate, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_cluster_that_is_not_there_a_folder_that_is_none_and_a_taken_port_are_to_be_mended(tmp_path, taken):
    (tmp_path / "data").write_text("a file")
    code, checks = doctor(
        rehearsal_provider="existing", rehearsal_kubeconfig=tmp_path / "none", data_dir=tmp_path / "data", port=taken
    )
    wrong = {name: check["mend"] for name, check in checks.items() if check["ok"] is False}
    assert (code, set(wrong)) == (1, {"rehearsal cluster", "data folder", "port"})
    assert "scripts/rehearsal-kubeconfig" in wrong["rehearsal cluster"]
    assert "TIDEGATE_DATA_DIR" in wrong["data folder"]
    assert "--port" in wrong["port"]
    assert not {"clusters", "kind", "kind node image", "leftovers"} & set(checks)
    assert checks["Docker Engine"]["ok"] is None


def test_what_is_right_is_said(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    checks = doctor(rehearsal_provider="existing", data_dir=tmp_path / "not" / "there", port=port)[1]
    assert (checks["data folder"]["ok"], checks["port"]["ok"]) == (True, True)
    assert "TIDEGATE_REHEARSAL_KUBECONFIG names no file" in checks["rehearsal cluster"]["detail"]
    assert not (tmp_path / "not").exists()
