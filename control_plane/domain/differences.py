"""How one JSON value differs from another, place by place. PURE.

A place is a path as people would say it: ``channels[stable].approvals``. Items of a list that have names are found by them, so that
one more in front does not make all the others look changed.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: ``before`` or ``after`` is empty where the thing is new or gone."""

    what: str
    before: str
    after: str


def differences(before: Any, after: Any) -> tuple[Change, ...]:
    """Return every place at which two values differ, in the order of ``after``, then what is gone."""
    return flat_differences(flat(before), flat(after))


def flat_differences(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[Change, ...]:
    """Return how two flat mappings differ, in the order of ``new``, then what is gone."""
    names = [*new, *(name for name in old if name not in new)]
    return tuple(Change(name, old.get(name, ""), new.get(name, "")) for name in names if old.get(name) != new.get(name))


def flat(value: Any, path: str = "") -> dict[str, str]:
    """Return every scalar (and what is empty) of a value by its path: texts as they are, the rest as JSON."""
    return dict(_flat(value, path))


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple) and value:
        for name, item in zip(_names(value), value, strict=True):
            yield from _flat(item, f"{path}[{name}]")
    else:
        yield path, value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def _names(items: Sequence[Any]) -> list[Any]:
    """Return what each item is called: its name where all have one of their own, else its position."""
    names = [item.get("name") if isinstance(item, Mapping) else None for item in items]
    is_named = all(isinstance(name, str) and name for name in names) and len(set(names)) == len(names)
    return names if is_named else list(range(len(items)))
