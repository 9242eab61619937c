"""Kinds of fields: each says in one place how a value is checked and how JSON Schema describes it. PURE.

``Check`` collects every mistake with its place and goes on; a value that is wrong is replaced by None, so one run tells a person
everything that is wrong with a file.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from control_plane.domain.errors import Mistake, Place
from control_plane.upstreams.yaml_source import Value

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = r"^(\d{1,9}(\.\d{1,3})?[smhd])+$"


@dataclass(slots=True)
class Check:
    """The mistakes found so far in ``file``."""

    file: str
    mistakes: list[Mistake] = field(default_factory=list)

    def wrong(self, value: Value, path: str, problem: str, hint: str = "") -> None:
        """Note a mistake at ``value``."""
        self.wrong_at((value.line, value.column), path, problem, hint)

    def wrong_at(self, position: tuple[int, int], path: str, problem: str, hint: str = "") -> None:
        """Note a mistake at a line and column."""
        self.mistakes.append(Mistake(Place(path, self.file, *position), problem, hint))


class Kind(Protocol):
    """What a field may hold."""

    def read(self, value: Value, path: str, check: Check) -> Any:
        """Return the value in Python's terms, or None after noting what is wrong."""

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the field."""


@dataclass(frozen=True, slots=True)
class Text:
    """Text. ``refuse`` returns what is wrong with it and what would be right, or None."""

    pattern: str = ""
    refuse: Callable[[str], tuple[str, str] | None] = lambda _: None
    choices: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    may_be_empty: bool = False

    def read(self, value: Value, path: str, check: Check) -> str | None:
        """See ``Kind``."""
        text = value.content
        if not isinstance(text, str):
            hint = f'write it in quotes: "{value.written}"' if value.written else ""
            check.wrong(value, path, f"expected text, found {_name_of(text)}", hint)
            return None
        problem = self._problem(text)
        if problem:
            check.wrong(value, path, *problem)
            return None
        return text

    def _problem(self, text: str) -> tuple[str, str] | None:
        example = f"for example {self.examples[0]!r}" if self.examples else ""
        if not text and not self.may_be_empty:
            return "is empty", example
        if self.choices and text not in self.choices:
            return f"{text!r} is not known here", f"write {' or '.join(map(repr, self.choices))}"
        if self.pattern and not re.fullmatch(self.pattern, text):
            return f"{text[:80]!r} does not have the right form", example
        return self.refuse(text)

    def schema(self) -> dict[str, Any]:
        """See ``Kind``."""
        described: dict[str, Any] = {"type": "string"}
        described |= {"pattern": self.pattern} if self.pattern else {}
        described |= {"enum": list(self.choices)} if self.choices else {}
        described |= {"examples": list(self.examples)} if self.examples else {}
        return described | ({} if self.may_be_empty else {"minLength": 1})


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time (``5s``, ``10m``, ``1h30m``, ``2d``), read to seconds, between ``least`` and ``most`` seconds."""

    least: float = 0
    most: float = 366 * 86400

    def read(self, value: Value, path: str, check: Check) -> float | None:
        """See ``Kind``."""
        text = value.content
        if not isinstance(text, str) or not re.fullmatch(_DURATION, text):
            check.wrong(
                value,
                path,
                f"{value.written or _name_of(text)!r} is no length of time",
                "for example 30s, 5m, 1h30m or 2d",
            )
            return None
        seconds = sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"([\d.]+)([smhd])", text))
        if not self.least <= seconds <= self.most:
            check.wrong(value, path, f"{text} is out of bounds", f"between {self.least:g}s and {self.most:g}s")
            return None
        return seconds

    def schema(self) -> dict[str, Any]:
        """See ``Kind``."""
        return {"type": "string", "pattern": _DURATION, "examples": ["30s", "5m", "1h30m", "2d"]}


def duration_text(seconds: float) -> str:
    """Return a length of time as ``Duration`` reads it, in the largest unit that has no rest: ``2d``, ``90m``, ``1.5s``."""
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{int(seconds // _UNITS[unit])}{unit}"
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number between ``least`` and ``most``."""

    least: int = 0
    most: int = 100

    def read(self, value: Value, path: str, check: Check) -> int | None:
        """See ``Kind``."""
        number = value.content
        if not isinstance(number, int) or isinstance(number, bool) or not self.least <= number <= self.most:
            found = value.written or _name_of(number)
            check.wrong(value, path, f"expected a whole number, found {found}", f"between {self.least} and {self.most}")
            return None
        return number

    def schema(self) -> dict[str, Any]:
        """See ``Kind``."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def read(self, value: Value, path: str, check: Check) -> bool | None:
        """See ``Kind``."""
        if isinstance(value.content, bool):
            return value.content
        check.wrong(value, path, f"expected true or false, found {value.written or _name_of(value.content)}")
        return None

    def schema(self) -> dict[str, Any]:
        """See ``Kind``."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Free:
    """A mapping of anything: Helm values."""

    def read(self, value: Value, path: str, check: Check) -> dict[str, Any] | None:
        """See ``Kind``."""
        if value.content is None:
            return {}
        if not isinstance(value.content, dict):
            check.wrong(value, path, f"expected a mapping, found {_name_of(value.content)}")
            return None
        return dict(value.plain())

    def schema(self) -> dict[str, Any]:
        """See ``Kind``."""
        return {"type": ["object", "null"]}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of ``item``, at least ``least`` and at most ``most`` long."""

    item: Kind
    least: int = 0
    most: int = 100

    def read(self, value: Value, path: str, check: Check) -> list[Any] | None:
        """See ``Kind``."""
        items = value.content
        if not isinstance(items, list):
            check.wrong(value, path, f"expected a list, found {_name_of(items)}", "a list has a dash before each item")
            return None
        if not self.least <= len(items) <= self.most:
            check.wrong(value, path, f"has {len(items)} items", f"between {self.least} and {self.most}")
            return None
        return [self.item.read(item, f"{path}[{position}]", check) for position, item in enumerate(items)]

    def schema(self) -> dict[str, Any]:
        """See ``Kind``."""
        return {"type": "array", "items": self.item.schema(), "minItems": self.least, "maxItems": self.most}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record. ``about`` is for people; a field without ``required`` may be left out."""

    kind: Kind
    about: str
    required: bool = False
    default: str = ""

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the field, with its words."""
        about = f"{self.about} Default: {self.default}." if self.default else self.about
        return {**self.kind.schema(), "description": about}


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with known fields and no others."""

    fields: Mapping[str, Field]

    def read(self, value: Value, path: str, check: Check) -> dict[str, Any] | None:
        """See ``Kind``. Fields that are left out, or wrong, are not in the result."""
        given = value.content
        if not isinstance(given, dict):
            check.wrong(value, path, f"expected a mapping, found {_name_of(given)}", f"with {_listed(self.fields)}")
            return None
        for name in given.keys() - self.fields.keys():
            check.wrong_at(value.key_places[name], _join(path, name), "this field is not known", self._likely(name))
        for name, one in self.fields.items():
            if one.required and name not in given:
                check.wrong(value, _join(path, name), "is missing", one.about)
        read = {
            name: self.fields[name].kind.read(item, _join(path, name), check)
            for name, item in given.items()
            if name in self.fields
        }
        return {name: item for name, item in read.items() if item is not None}

    def _likely(self, name: str) -> str:
        near = difflib.get_close_matches(name, self.fields, n=1)
        return f"did you mean {near[0]!r}?" if near else f"known here: {_listed(self.fields)}"

    def schema(self) -> dict[str, Any]:
        """See ``Kind``."""
        return {
            "type": "object",
            "additionalProperties": False,
            "required": [name for name, one in self.fields.items() if one.required],
            "properties": {name: one.schema() for name, one in self.fields.items()},
        }


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(names)


def _name_of(content: Any) -> str:
    names = {dict: "a mapping", list: "a list", bool: "true or false", int: "a number", float: "a number", str: "text"}
    return names.get(type(content), "nothing")
