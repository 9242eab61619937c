"""The option ``--conformance-dir``, one test per case, and a count per file at the end."""

import json
from collections import Counter
from pathlib import Path

import pytest

DEFAULT_DIR = Path(__file__).parents[2].parent / "shared" / "conformance"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--conformance-dir", type=Path, default=None, help="folder of *.jsonl cases (default: ../shared/conformance)"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" not in metafunc.fixturenames:
        return
    folder = metafunc.config.getoption("--conformance-dir", default=None)
    if folder is not None and not folder.is_dir():
        raise pytest.UsageError(f"--conformance-dir {folder}: no such folder")
    cases = [
        pytest.param(path.stem, json.loads(line), id=json.loads(line)["id"])
        for path in sorted((folder or DEFAULT_DIR).glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]
    nowhere = pytest.mark.skip(reason=f"no conformance cases in {folder or '../shared/conformance'}")
    metafunc.parametrize(("dialect", "case"), cases or [pytest.param("", {}, id="none", marks=nowhere)])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts: dict[str, Counter[str]] = {}
    reasons: dict[tuple[str, str], int] = Counter()
    for outcome in ("passed", "failed", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            if "test_conformance.py::test_case[" not in report.nodeid or report.nodeid.endswith("[none]"):
                continue
            dialect = report.nodeid.partition("[")[2].rpartition("-")[0]
            counts.setdefault(dialect, Counter())[outcome] += 1
            if outcome == "skipped":
                reasons[dialect, report.longrepr[2].removeprefix("Skipped: ")] += 1
    if not counts:
        return
    terminalreporter.section("conformance")
    for dialect, count in sorted(counts.items()):
        terminalreporter.line(
            f"{dialect:26} {count['passed']:4} passed {count['failed']:4} failed {count['skipped']:4} not supported"
        )
    for (dialect, reason), number in sorted(reasons.items()):
        terminalreporter.line(f"not supported: {dialect} ({number}): {reason}")
