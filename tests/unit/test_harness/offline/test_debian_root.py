"""What a killed mmdebstrap left is removed, and never what is mounted in it."""

import os
import subprocess

import pytest

from test_harness.offline.debian_root import _remove


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone may mount")
def test_a_file_system_mounted_in_the_folder_survives_its_removal(tmp_path):
    precious, work = tmp_path / "precious", tmp_path / "work"
    (work / "root/proc").mkdir(parents=True)
    precious.mkdir()
    (precious / "file").write_text("kept")
    mounted = subprocess.run(["mount", "--bind", precious, work / "root/proc"], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    _remove(work)
    assert (work.exists(), (precious / "file").read_text()) == (False, "kept")
