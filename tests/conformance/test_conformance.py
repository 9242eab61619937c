"""Every case of every dialect that we claim. The cases are facts from other projects' own tests.

``dialects/`` says which of our functions answers which operation; one that nobody there answers is not supported, for the
reason given there. A ``ValueError`` is a refusal.
"""

import importlib
import pkgutil
from typing import Any

import pytest

from control_plane.domain.errors import TidegateError
from tests.conformance import dialects
from tests.conformance.dialects.answering import Answer

MODULES = [
    importlib.import_module(f"{dialects.__name__}.{module.name}") for module in pkgutil.iter_modules(dialects.__path__)
]
REFUSED = object()


def answer_to(dialect: str, op: str) -> Answer | None:
    answers = (getattr(module, "ANSWERS", {}).get(dialect, {}).get(op) for module in MODULES)
    return next((answer for answer in answers if answer is not None), None)


def reason_against(dialect: str, op: str) -> str:
    told = {key: why for module in MODULES for key, why in getattr(module, "NOT_SUPPORTED", {}).items()}
    return told.get(f"{dialect}/{op}") or told.get(dialect) or f"no answer to {op} yet"


def test_case(dialect: str, case: dict[str, Any]) -> None:
    answer = answer_to(dialect, case["op"])
    if answer is None:
        pytest.skip(reason_against(dialect, case["op"]))
    try:
        actual = answer(case["input"])
    except (ValueError, TidegateError):
        actual = REFUSED
    check(actual, case["expected"])


def check(actual: Any, expected: Any) -> None:
    """Of a refusal only the fact counts; ``valid`` says it in its own way."""
    if not isinstance(expected, dict):
        assert actual == expected
    elif "valid" in expected:
        assert actual == {"valid": expected["valid"]}
    elif "next_or_error" in expected:
        assert actual in (REFUSED, {"next": None})
    elif "message_contains" in expected:
        assert expected["message_contains"] in actual["message_contains"]
        assert expected["message_lacks"] not in actual["message_lacks"]
    else:
        assert actual == (REFUSED if expected.get("error") else expected)
