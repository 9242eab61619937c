"""Labels of clusters, and what selects by them: the same grammar as Kubernetes' labels. PURE.

A selector is a list of terms that all hold: ``region=eu``, ``tier!=test``, ``region`` (has it), ``!region`` (has it not).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from control_plane.domain.errors import InvalidInput, Mistake, Place

MOST_LABELS = 32
_NAME = re.compile(r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
_HINT = "for example 'region=eu, tier=gold'"


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: ``equals`` and ``differs`` from a value; ``has`` the label or ``lacks`` it."""

    kind: Literal["equals", "differs", "has", "lacks"]
    name: str
    value: str = ""

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Say whether it holds. A label that is not there differs from every value."""
        match self.kind:
            case "has":
                return self.name in labels
            case "lacks":
                return self.name not in labels
            case "equals":
                return labels.get(self.name) == self.value
        return labels.get(self.name) != self.value


def parse_labels(text: str) -> dict[str, str]:
    """Return the labels that a text gives (``region=eu, tier=gold``). Raises ``InvalidInput``."""
    pairs = [_pair(part) for part in _parts(text)]
    labels = dict(pairs)
    if len(labels) != len(pairs):
        raise _wrong("a label is given twice")
    return checked_labels(labels)


def checked_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Return labels that are right. Raises ``InvalidInput``."""
    if len(labels) > MOST_LABELS:
        raise _wrong(f"{len(labels)} labels are too many: at most {MOST_LABELS}")
    for name, value in labels.items():
        _check(name, value)
    return dict(sorted(labels.items()))


def labels_text(labels: Mapping[str, str]) -> str:
    """Return labels as people write them."""
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))


def parse_selector(text: str) -> tuple[Term, ...]:
    """Return the terms of a selector; an empty text selects everything. Raises ``InvalidInput``."""
    return tuple(_term(part) for part in _parts(text))


def _term(part: str) -> Term:
    if part.startswith("!"):
        term = Term("lacks", part[1:].strip())
    elif "!=" in part:
        name, _, value = part.partition("!=")
        term = Term("differs", name.strip(), value.strip())
    elif "=" in part:
        term = Term("equals", *_pair(part))
    else:
        term = Term("has", part)
    _check(term.name, term.value)
    return term


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _pair(part: str) -> tuple[str, str]:
    name, equals, value = part.replace("==", "=").partition("=")
    if not equals:
        raise _wrong(f"{part[:80]!r} is no label: it has no '='")
    return name.strip(), value.strip()


def _check(name: str, value: str) -> None:
    if not _NAME.fullmatch(name):
        raise _wrong(f"{name[:80]!r} is no name of a label")
    if not _VALUE.fullmatch(value):
        raise _wrong(f"{value[:80]!r} is no value of the label {name}")


def _wrong(problem: str) -> InvalidInput:
    return InvalidInput(problem, mistakes=(Mistake(Place("labels"), problem, _HINT),), code="labels")
