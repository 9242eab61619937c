"""The cases themselves: what is read of a folder, and when an answer is the one that a case wants."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import case_files
from tests.conformance.dialects.answering import Unsupported
from tests.conformance.test_conformance import Refused, agrees, answered

CASE = {"op": "version_parse", "input": {"version": "1"}, "expected": {"valid": True}}


def test_a_line_is_a_case_whatever_else_it_says(tmp_path: Path) -> None:
    lines = (json.dumps(CASE | {"id": "a", "strange": [1]}), "", json.dumps(CASE), '{"op": "x"}', "[1]", "{")
    (tmp_path / "helm.jsonl").write_text("\n".join(lines), encoding="utf-8")
    first, second, *broken = case_files.read(tmp_path)
    assert (first.dialect, first.name, second.name) == ("helm", "a", "helm-line-3")
    assert [one.line for one in broken] == [4, 5, 6]
    assert all("helm.jsonl, line" in one.problem for one in broken)


def test_only_the_folder_that_was_asked_for_is_read(tmp_path: Path) -> None:
    assert case_files.folders(tmp_path) == [tmp_path]
    assert {case_files.DRAWN, case_files.WRITTEN} <= set(case_files.folders(None))


@pytest.mark.parametrize(("dialect", "op"), [("masterminds-semver", "version_sing"), ("another-peer", "version_parse")])
def test_what_nobody_answers_is_not_supported(dialect: str, op: str) -> None:
    with pytest.raises(Unsupported, match=op):
        answered(dialect, op, {})


@pytest.mark.parametrize(
    ("actual", "expected", "same"),
    [
        ("1", "1", True), ("1", "2", False), (None, None, True), (Refused(""), None, False), (Refused(""), {"error": True}, True),
        (Refused(""), {"error": "ErrNameEmpty"}, True), (Refused(""), {"valid": True}, False), ({"a": 1}, {"error": True}, False),
        ({"a": 1, "more": 2}, {"a": 1}, True), ({"a": 1}, {"a": 1, "b": 2}, False), ({"valid": False}, {"valid": False, "v": 1}, True),
        ({"update": False, "error": False}, {"update": False, "error": False}, True), (Refused(""), {"update": False, "error": True}, True),
        ({"status": 404}, 404, True), ({"headers": ["A", "B"]}, {"headers": ["A"]}, True), ({"headers": []}, {"headers": ["A"]}, False),
    ],
)  # fmt: skip
def test_agreeing(actual: Any, expected: Any, same: bool) -> None:
    assert agrees(actual, expected) is same
