"""`tidegate up` on a disk that fills up: everything that would be written is refused with the next step, and nothing is lost."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import free_port

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="root alone may mount a small file system")
ROOT = Path(__file__).resolve().parents[2]
SMALL, ENOUGH = "size=40m", "size=80m"
APPLICATION = """
apiVersion: tidegate.dev/v1
kind: Application
metadata: {{name: {name}}}
spec:
  chart: {{oci: ghcr.io/acme/charts/{name}, version: "1.x"}}
  namespace: {name}
  channels: [{{name: edge}}]
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", ENOUGH, "tidegate-test", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Machine:
    """One `tidegate up` on ``disk``, and the command line beside it."""

    def __init__(self, disk: Path, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {
            "TIDEGATE_DATA_DIR": str(disk / "data"),
            "TIDEGATE_PORT": str(free_port()),
            "TIDEGATE_REGISTRY_MIRRORS": '{"*": "http://127.0.0.1:9"}',
        }

    def start(self) -> "subprocess.Popen[str]":
        """Start it; return when it listens, or has ended."""
        child = subprocess.Popen(
            [sys.executable, "-m", "control_plane", "up"],
            cwd=ROOT,
            env=self.environment,
            text=True,
            stderr=subprocess.PIPE,
        )
        assert child.stderr
        for line in child.stderr:
            if "Tidegate is at" in line:
                break
        return child

    def apply(self, name: str) -> "subprocess.CompletedProcess[str]":
        file = self.folder / f"{name}.yaml"
        file.write_text(APPLICATION.format(name=name))
        return self.tidegate("app", "apply", "-f", str(file))

    def tidegate(self, *words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "control_plane", *words]
        return subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)


def fill(file: Path) -> None:
    with file.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(4096))
        except OSError:
            return


def test_it_says_so_goes_on_when_there_is_space_again_and_lost_nothing(disk: Path, tmp_path: Path) -> None:
    machine = Machine(disk, tmp_path)
    child = machine.start()
    try:
        assert machine.apply("one").returncode == 0
        fill(disk / "filler")
        refused = machine.apply("two")
        assert (refused.returncode, "its disk is full: free some space" in refused.stderr) == (4, True), refused
        assert "one" in machine.tidegate("app", "list").stdout

        (disk / "filler").unlink()
        assert machine.apply("two").returncode == 0
    finally:
        child.kill()
        child.wait()
    child = machine.start()
    listed = machine.tidegate("app", "list").stdout
    child.send_signal(signal.SIGTERM)
    child.wait(timeout=60)
    assert ("one" in listed, "two" in listed) == (True, True)


def test_too_little_space_is_refused_before_anything_is_written(disk: Path, tmp_path: Path) -> None:
    subprocess.run(["mount", "-o", f"remount,{SMALL}", str(disk)], check=True)
    done = Machine(disk, tmp_path).tidegate("up")
    assert (done.returncode, "Free some space or set TIDEGATE_DATA_DIR" in done.stderr) == (1, True), done.stderr
    assert list((disk / "data").iterdir()) == []
