"""Every case of every dialect that we claim. The cases are facts about other projects: see ``case_files.py`` for where they come from.

``dialects/`` says which of our functions answers which operation; one that nobody there answers is not supported, for the
reason given there. A ``ValueError`` or an error of Tidegate's own is a refusal.
"""

import importlib
import pkgutil
from typing import Any, NamedTuple

import pytest

from control_plane.domain.errors import TidegateError
from tests.conformance import dialects
from tests.conformance.case_files import Case
from tests.conformance.dialects.answering import Answer, Unsupported

MODULES = [
    importlib.import_module(f"{dialects.__name__}.{module.name}") for module in pkgutil.iter_modules(dialects.__path__)
]


class Refused(NamedTuple):
    why: str


def answer_to(dialect: str, op: str) -> Answer | None:
    answers = (getattr(module, "ANSWERS", {}).get(dialect, {}).get(op) for module in MODULES)
    return next((answer for answer in answers if answer is not None), None)


def reason_against(dialect: str, op: str) -> str:
    told = {key: why for module in MODULES for key, why in getattr(module, "NOT_SUPPORTED", {}).items()}
    return told.get(f"{dialect}/{op}") or told.get(dialect) or f"no answer to {op} yet"


def answered(dialect: str, op: str, given: dict[str, Any]) -> Any:
    """Return our answer, which may be a refusal. Raises ``Unsupported``."""
    answer = answer_to(dialect, op)
    if answer is None:
        raise Unsupported(reason_against(dialect, op))
    try:
        return answer(given)
    except (ValueError, TidegateError) as error:
        return Refused(str(error))


def test_case(case: Case) -> None:
    assert not case.problem, case.problem
    try:
        actual = answered(case.dialect, case.content["op"], case.content["input"])
    except Unsupported as reason:
        pytest.skip(str(reason))
    assert agrees(actual, case.content["expected"]), f"{case.content}: we say {actual}"


def agrees(actual: Any, expected: Any) -> bool:
    """Say whether an answer is what a case wants. Of a refusal only the fact counts; an answer may say more than the case asks."""
    if isinstance(actual, Refused):
        return isinstance(expected, dict) and ("next_or_error" in expected or (_is_refusal(expected)))
    if not isinstance(expected, dict):
        is_status = isinstance(actual, dict) and type(expected) is int
        return bool((actual["status"] if is_status else actual) == expected)
    if not isinstance(actual, dict) or _is_refusal(expected):
        return False
    if "message_contains" in expected:
        return expected["message_contains"] in actual["message"] and expected["message_lacks"] not in actual["message"]
    if "next_or_error" in expected:
        return actual == {"next": expected["next_or_error"]}
    named = {"valid"} if expected.get("valid") is False else expected.keys()
    return all(key in actual and _says(actual[key], expected[key], key) for key in named)


def _is_refusal(expected: dict[str, Any]) -> bool:
    return bool(expected.get("error")) and "valid" not in expected


def _says(actual: Any, wanted: Any, key: str) -> bool:
    return set(wanted) <= set(actual) if key == "headers" else bool(actual == wanted)
