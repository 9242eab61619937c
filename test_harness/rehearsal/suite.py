"""The application's own suite, one phase of it at a time, in a pytest of its own: time-limited, without our environment.

The suite's plugins and settings are its own: what happens to be installed beside us is not loaded. Its exit code says
whether tests failed (the release) or the suite could not be run (we could not tell).
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from cluster_agent.applying import child
from test_harness.errors import CouldNotTell, ReleaseFailed, Skipped
from test_harness.phases import Phase
from test_harness.runner import harness_environment

SETTINGS_FILES = ("pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
PASSED, TESTS_FAILED, NO_TESTS = 0, 1, 5


class Target(NamedTuple):
    """Where the application runs that the suite is pointed at: the kubeconfig's current context."""

    kubeconfig: Path
    namespace: str
    kubectl: Path


class Tally(NamedTuple):
    """What a JUnit file says: counts, and the first failure in one line."""

    tests: int
    failed: int
    first: str


@dataclass(frozen=True)
class Suite:
    """The folder of a suite; ``work`` keeps ``app.state`` between phases, ``evidence`` gets the results."""

    folder: Path
    work: Path
    evidence: Path

    def run(self, phase: Phase, release: str, target: Target, *, limit: float) -> str:
        """Run the tests of ``phase``; return one line about them. Raises ReleaseFailed, CouldNotTell or Skipped."""
        results = self.evidence / f"suite-{phase}.xml"
        began = time.monotonic()
        done = child.run(
            self._command(phase, release, target, results), env=_environment(), cwd=str(self.folder), timeout=limit
        )
        results.with_suffix(".txt").write_text(done.stdout + done.stderr)
        if done.timed_out:
            raise ReleaseFailed(f"the suite did not end within {limit:.0f} s: {_last_line(done.stdout)}")
        if done.code == NO_TESTS:
            raise Skipped("the suite has no test for this step")
        if done.code not in (PASSED, TESTS_FAILED):
            raise CouldNotTell(f"the suite cannot be run: {_last_line(done.stderr or done.stdout)}")
        tally = read_results(results.read_bytes())
        if done.code == TESTS_FAILED:
            raise ReleaseFailed(f"{tally.failed} of {tally.tests} tests failed: {tally.first}")
        return f"{tally.tests} tests passed in {time.monotonic() - began:.1f} s"

    def _command(self, phase: Phase, release: str, target: Target, results: Path) -> list[str]:
        command = [sys.executable, "-m", "pytest", str(self.folder), "-p", "tidegate", "-p", "no:cacheprovider"]
        command += ["-q", "--tb=short", "--color=no", f"--junitxml={results}", *self._settings()]
        options = {
            "kubeconfig": target.kubeconfig,
            "namespace": target.namespace,
            "kubectl": target.kubectl,
            "release": release,
            "phase": phase,
            "state": self.work / "state.json",
        }
        return command + [f"--tidegate-{name}={value}" for name, value in options.items()]

    def _settings(self) -> list[str]:
        """A suite without settings gets empty ones; pytest would look for some in the folders above it."""
        if any((self.folder / name).exists() for name in SETTINGS_FILES):
            return []
        empty = self.work / "pytest.ini"
        empty.write_text("[pytest]\n")
        return ["-c", str(empty), f"--rootdir={self.folder}"]


def read_results(junit: bytes) -> Tally:
    """Count the tests of a JUnit file; raises CouldNotTell when it is not one."""
    try:
        root = ET.fromstring(junit)  # noqa: S314  written by pytest; expat itself limits entities
    except ET.ParseError as error:
        raise CouldNotTell(f"the suite's results cannot be read: {error}") from error
    bad = [(case, fault) for case in root.iter("testcase") for fault in case if fault.tag in ("failure", "error")]
    total = sum(1 for _ in root.iter("testcase"))
    if not bad:
        return Tally(total, 0, "")
    case, fault = bad[0]
    words = (fault.get("message") or fault.text or "").strip().splitlines() or ["no message"]
    return Tally(total, len({id(case) for case, _ in bad}), f"{case.get('name')}: {words[0]}")


def _environment() -> dict[str, str]:
    """The suite sees neither our settings nor the Docker Engine."""
    environment = {name: value for name, value in harness_environment().items() if "DOCKER" not in name}
    return environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("E ", "ERROR", "ImportError"))]
    return (telling or lines or ["it printed nothing"])[-1][:300]
