"""What the answers of several dialects share."""

from collections.abc import Callable
from typing import Any

Input = dict[str, Any]
Answer = Callable[[Input], Any]


class Unsupported(Exception):
    """Nobody answers the operation, or this kind of it; the text says why."""


def valid(read: Callable[[str], object], text: str) -> dict[str, bool]:
    try:
        read(text)
    except ValueError:
        return {"valid": False}
    return {"valid": True}


def is_accepted(read: Callable[[str], object], text: str) -> bool:
    return valid(read, text)["valid"]
