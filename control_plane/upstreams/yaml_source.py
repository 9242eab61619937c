"""A YAML text as values that know their place, read by Kubernetes' rules and safe against hostile input; and written by them.

Nesting, size and the number of values (aliases counted each time they are used) are bounded before anything is built, so
neither ``[[[[…`` nor a "billion laughs" costs more than reading the text. A key given twice is a mistake.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import yaml

from cluster_agent.contract.yamls import Loader
from control_plane.domain.errors import InvalidInput, Mistake, Place

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 50
MAX_VALUES = 20_000
_MERGE = "tag:yaml.org,2002:merge"


class _Dumper(yaml.SafeDumper):
    """Quotes what the loader would read as something else (``y``, ``1e3``); lists are indented, texts of several lines are blocks."""

    yaml_implicit_resolvers = Loader.yaml_implicit_resolvers

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        """Indent lists below their key."""
        del indentless
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        """Write equal values out each time."""
        del data
        return True


def _written_text(dumper: _Dumper, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _written_text)


def write_yaml(value: Any, *, flow: bool = False) -> str:
    """Return JSON values as YAML that ``read_yaml`` reads the same; ``flow``: in one line, with braces."""
    width = 2**20 if flow else 100
    written: str = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=flow, sort_keys=False, allow_unicode=True, width=width
    )
    return written


@dataclass(slots=True)
class Value:
    """A value and where it starts (lines and columns from 1). Scalars and lists and mappings of ``Value``.

    ``key_places`` are where a mapping's keys stand; ``written`` is a scalar's text as the person wrote it.
    """

    content: Any
    line: int
    column: int
    written: str = ""
    key_places: dict[str, tuple[int, int]] = field(default_factory=dict)

    def plain(self) -> Any:
        """Return the value without places: dicts, lists and scalars."""
        if isinstance(self.content, dict):
            return {key: value.plain() for key, value in self.content.items()}
        if isinstance(self.content, list):
            return [value.plain() for value in self.content]
        return self.content


def read_yaml(text: str, *, file: str) -> Value:
    """Read one document. Raises ``InvalidInput`` with the place of what is wrong."""
    if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise _wrong(file, f"the file is larger than {MAX_BYTES // 1024} KiB")
    try:
        _check_depth(text, file)
        loader = Loader(text)
        node = loader.get_single_node()
        if node is None:
            raise _wrong(file, "the file is empty")
        return _Builder(loader, file).build(node, 0)
    except yaml.MarkedYAMLError as error:
        raise _wrong(
            file, f"no YAML: {error.problem or error.context}", error.problem_mark or error.context_mark
        ) from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise _wrong(file, f"no YAML: {error}") from None


def _check_depth(text: str, file: str) -> None:
    """Refuse deep nesting on the event stream: the C composer recurses, and would crash on it."""
    depth = 0
    for event in yaml.parse(text, Loader=Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _wrong(file, f"values are nested more than {MAX_DEPTH} deep", event.start_mark)


class _Builder:
    """Builds values from nodes, counting them."""

    def __init__(self, loader: Any, file: str) -> None:
        self._loader, self._file, self._count = loader, file, 0

    def build(self, node: Any, depth: int) -> Value:
        self._count += 1
        if self._count > MAX_VALUES:
            raise _wrong(self._file, f"the file stands for more than {MAX_VALUES} values", node.start_mark)
        if depth > MAX_DEPTH:
            raise _wrong(self._file, "an anchor contains itself", node.start_mark)
        value = Value(None, node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, yaml.ScalarNode):
            value.content, value.written = self._scalar(node), node.value
        elif isinstance(node, yaml.SequenceNode):
            value.content = [self.build(item, depth + 1) for item in node.value]
        else:
            value.content = {}
            self._mapping(node, value, depth)
        return value

    def _mapping(self, node: Any, into: Value, depth: int) -> None:
        merges = []
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                merges.append(self.build(value_node, depth + 1))
                continue
            key = self._key(key_node)
            if key in into.content:
                raise _wrong(self._file, f"the key {key!r} is given twice", key_node.start_mark)
            into.content[key] = self.build(value_node, depth + 1)
            into.key_places[key] = key_node.start_mark.line + 1, key_node.start_mark.column + 1
        for merge in merges:
            self._merge(merge, into)

    def _merge(self, merge: Value, into: Value) -> None:
        """``<<: *anchor``: what the mapping does not say itself."""
        for source in merge.content if isinstance(merge.content, list) else [merge]:
            if not isinstance(source.content, dict):
                place = Place(file=self._file, line=source.line, column=source.column)
                raise InvalidInput(f"{place}: << wants a mapping", mistakes=(Mistake(place, "<< wants a mapping"),))
            into.content = {**source.content, **into.content}
            into.key_places = {**source.key_places, **into.key_places}

    def _key(self, node: Any) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise _wrong(self._file, "a key is text, not a list or a mapping", node.start_mark)
        key = self._scalar(node)
        if key is None:
            raise _wrong(self._file, "a key is empty", node.start_mark)
        return str(key).lower() if isinstance(key, bool) else str(node.value)

    def _scalar(self, node: Any) -> Any:
        try:
            value = self._loader.construct_object(node)
        except ValueError:
            raise _wrong(
                self._file, f"{node.value!r} cannot be read as {node.tag.rpartition(':')[2]}", node.start_mark
            ) from None
        if isinstance(value, float) and not math.isfinite(value):
            raise _wrong(self._file, f"{node.value!r} is no number that JSON knows", node.start_mark)
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise _wrong(self._file, f"{node.value!r} is too large a number: write it in quotes", node.start_mark)
        if value is not None and not isinstance(value, str | int | float | bool):
            raise _wrong(self._file, f"values of the kind {node.tag} are not known here", node.start_mark)
        return value


def _wrong(file: str, problem: str, mark: Any = None) -> InvalidInput:
    place = Place(file=file, line=mark.line + 1 if mark else None, column=mark.column + 1 if mark else None)
    mistake = Mistake(place, problem)
    return InvalidInput(str(mistake), mistakes=(mistake,))
