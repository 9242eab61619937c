"""The option ``--conformance-dir``, one test per case, and at the end a count per file and what is not supported."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.case_files import Case, folders, read

FILE = "conformance file"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--conformance-dir",
        type=Path,
        default=None,
        help="folder of *.jsonl cases (default: tests.conformance.case_files, and ../shared/conformance where it is there)",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" not in metafunc.fixturenames:
        return
    wanted = metafunc.config.getoption("--conformance-dir", default=None)
    if wanted is not None and not wanted.is_dir():
        raise pytest.UsageError(f"--conformance-dir {wanted}: no such folder")
    cases = [pytest.param(case, id=case.name) for folder in folders(wanted) for case in read(folder)]
    nowhere = pytest.mark.skip(reason=f"no *.jsonl in {wanted}")
    metafunc.parametrize("case", cases or [pytest.param(None, id="none", marks=nowhere)])


def pytest_itemcollected(item: pytest.Item) -> None:
    """Note whose case it is where the report will have it, also from another process."""
    case = item.callspec.params.get("case") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None
    if isinstance(case, Case):
        item.user_properties.append((FILE, f"{case.file.parent.name}/{case.file.name}"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    counts: dict[str, Counter[str]] = {}
    reasons: Counter[tuple[str, str]] = Counter()
    for outcome in ("passed", "failed", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            file = dict(getattr(report, "user_properties", ())).get(FILE)
            if file is None or (outcome == "passed" and report.when != "call"):
                continue
            counts.setdefault(file, Counter())[outcome] += 1
            if outcome == "skipped":
                reasons[file, report.longrepr[2].removeprefix("Skipped: ")] += 1
    if not counts:
        return
    terminalreporter.section("conformance")
    for file, count in sorted(counts.items()):
        terminalreporter.line(
            f"{file:46}{count['passed']:6} passed{count['failed']:6} failed{count['skipped']:6} not supported"
        )
    for (file, reason), number in sorted(reasons.items()):
        terminalreporter.line(f"not supported: {file} ({number}): {reason}")
