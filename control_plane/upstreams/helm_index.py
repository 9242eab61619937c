"""The entries of one chart in a Helm repository's index, in little memory however large the index is. PURE but for the stream read.

An index lists every version of every chart: tens of megabytes, of which a hundred kilobytes matter. Written as Helm writes it,
it is read line by line and only the wanted lines become YAML; as JSON, only the wanted chart is decoded; written in any other
way, its YAML events are followed. All scalars are read as text: ``version: 1.10`` is no number.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, BinaryIO

import msgspec
import yaml
from yaml import events as yaml_events

from control_plane.domain.errors import Transient

_WANTED = re.compile(rb"""["']?(version|digest|created|deprecated|urls)["']?:""")
_KEY = re.compile(rb"""(?:"([^"\\]+)"|'([^']+)'|([^\s"'#&*!|>%@`\[\]{},?:-][^\s:#]*)):\s*(.*)$""", re.DOTALL)
_SHA256 = re.compile(r"^(?:sha256:)?([0-9a-f]{64})$")
_NO_TEXT = frozenset({"", "null", "~"})
_ELSEWHERE = object()


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a chart. ``digest`` is ``sha256:…`` of the .tgz, empty where the index does not say it; ``urls`` are as written."""

    version: str
    digest: str = ""
    urls: tuple[str, ...] = ()
    created_at: datetime | None = None
    deprecated: bool = False


class _JsonIndex(msgspec.Struct):
    entries: dict[str, msgspec.Raw]


class _NotPlain(Exception):
    """The index is not written as Helm writes it; its lines say nothing."""


def read_entries(stream: BinaryIO, chart: str, *, where: str) -> tuple[Entry, ...] | None:
    """Return the chart's versions in the index's order, None where the index has no such chart; ``stream`` can seek.

    Raises ``Transient`` for what is no index: that says nothing about the chart.
    """
    try:
        items = _items(stream, chart)
    except (yaml.YAMLError, msgspec.DecodeError, _NotPlain, RecursionError, ValueError):
        raise not_an_index(where) from None
    if items is None:
        return None
    entries: dict[str, Entry] = {}
    for item in items:
        if (entry := entry_of(item)) is not None:
            entries.setdefault(entry.version, entry)
    return tuple(entries.values())


def not_an_index(where: str) -> Transient:
    """Return the error for an answer that no Helm repository gives."""
    return Transient(
        f"{where} answers something that is no index: is this a Helm repository?", retry_after=300, code="not_an_index"
    )


def entry_of(item: Any) -> Entry | None:
    """Return what an index says of one version, None where it names none. Fields of another shape are as if they were not there."""
    if not isinstance(item, dict) or not (version := _text(item.get("version"))):
        return None
    digest = _SHA256.match(_text(item.get("digest")).lower())
    urls = item.get("urls")
    return Entry(
        version=version,
        digest=f"sha256:{digest[1]}" if digest else "",
        urls=tuple(url for url in urls if isinstance(url, str)) if isinstance(urls, list) else (),
        created_at=moment(_text(item.get("created"))),
        deprecated=item.get("deprecated") in (True, "true"),
    )


def moment(text: str) -> datetime | None:
    """Return a time of RFC 3339 (fractions of any length), None for anything else and for times without a zone."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read if read.tzinfo is not None else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value not in _NO_TEXT else ""


def _items(stream: BinaryIO, chart: str) -> list[Any] | None:
    stream.seek(0)
    is_json = stream.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    stream.seek(0)
    try:
        return _from_json(stream.read(), chart) if is_json else _from_lines(stream, chart)
    except (_NotPlain, msgspec.DecodeError, yaml.YAMLError):
        stream.seek(0)
        return _from_events(stream, chart)


def _from_json(content: bytes, chart: str) -> list[Any] | None:
    index = msgspec.json.decode(content.removeprefix(b"\xef\xbb\xbf"), type=_JsonIndex)
    if chart not in index.entries:
        return None
    items: list[Any] | None = msgspec.json.decode(index.entries[chart], type=list[Any] | None)
    return items or []


def _from_lines(lines: BinaryIO, chart: str) -> list[Any] | None:
    """Read an index whose charts are keys on lines of their own, at one indentation below ``entries:``."""
    block = _entries_lines(lines)
    first = next(block, None)
    if first is None:
        return None
    depth, wanted = _indent(first), chart.encode()
    line: bytes | None = first
    while line is not None:
        if (key := _key_at(line, depth)) is not None and key[0] == wanted:
            return list(_read_items(block, depth, key[1]))
        line = next(block, None)
    return None


def _entries_lines(lines: BinaryIO) -> Iterator[bytes]:
    """Yield the lines below ``entries:``, without empty ones and comments."""
    for line in lines:
        if line.rstrip() == b"entries: {}":
            return
        if line.startswith((b"entries:", b'"entries":')):
            if line.partition(b":")[2].strip():
                raise _NotPlain
            break
    else:
        raise _NotPlain
    for line in lines:
        body = line.lstrip(b" ")
        if body[:1] in b"#\r\n":
            continue
        if len(body) == len(line):
            return
        yield line


def _key_at(line: bytes, depth: int) -> tuple[bytes, bytes] | None:
    """Return the chart's name that a line begins and what stands behind it, None for a line inside a chart."""
    indent = _indent(line)
    if indent > depth or (indent == depth and line[depth : depth + 1] == b"-"):
        return None
    match = _KEY.match(line, depth) if indent == depth else None
    if match is None:
        raise _NotPlain
    return match[1] or match[2] or match[3], match[4].strip()


def _read_items(block: Iterator[bytes], depth: int, behind: bytes) -> Iterator[Any]:
    """Yield the versions of the chart whose key was just read, each of a few lines."""
    if behind == b"[]":
        return
    if behind:
        raise _NotPlain
    item: list[bytes] = []
    dash, inner, is_kept = -1, 0, False
    for line in block:
        if _key_at(line, depth) is not None:
            break
        indent = _indent(line)
        if dash in (-1, indent):
            if line[indent : indent + 2] != b"- ":
                raise _NotPlain
            yield from _parsed(item)
            dash, item = indent, []
            line = line.replace(b"-", b" ", 1)
            indent = inner = _indent(line)
        if indent < inner:
            raise _NotPlain
        if indent == inner and line[indent : indent + 1] not in b"- ":
            is_kept = _WANTED.match(line, inner) is not None
        if is_kept:
            item.append(line)
    yield from _parsed(item)


def _parsed(item: list[bytes]) -> Iterator[Any]:
    if item:
        yield yaml.load(b"".join(item), Loader=yaml.CBaseLoader)  # noqa: S506 - it makes texts, lists and mappings only


def _indent(line: bytes) -> int:
    return len(line) - len(line.lstrip(b" "))


def _from_events(stream: BinaryIO, chart: str) -> list[Any] | None:
    """Follow the YAML of any layout; only the wanted chart is built."""
    events = yaml.parse(stream, Loader=yaml.CBaseLoader)
    for wanted in (yaml_events.StreamStartEvent, yaml_events.DocumentStartEvent, yaml_events.MappingStartEvent):
        if not isinstance(next(events, None), wanted):
            raise _NotPlain
    if not _seek(events, "entries"):
        raise _NotPlain
    below = next(events)
    if isinstance(below, yaml_events.ScalarEvent) and below.value in _NO_TEXT:
        return None
    if not isinstance(below, yaml_events.MappingStartEvent):
        raise _NotPlain
    if not _seek(events, chart):
        return None
    items = _built(events, next(events), {})
    if items is _ELSEWHERE or any(item.get("version") is _ELSEWHERE for item in items if isinstance(item, dict)):
        raise _NotPlain
    return items if isinstance(items, list) else []


def _seek(events: Iterator[Any], key: str) -> bool:
    """Go behind ``key`` of the mapping that was just entered; False where it ends without it."""
    for event in events:
        if isinstance(event, yaml_events.MappingEndEvent):
            return False
        if isinstance(event, yaml_events.ScalarEvent) and event.value == key:
            return True
        _skip(events, event)
        _skip(events, next(events))
    return False


def _skip(events: Iterator[Any], event: Any) -> None:
    depth = 0
    while True:
        depth += isinstance(event, yaml_events.CollectionStartEvent) - isinstance(event, yaml_events.CollectionEndEvent)
        if depth <= 0:
            return
        event = next(events)


def _built(events: Iterator[Any], event: Any, anchors: dict[str, Any]) -> Any:
    """Return the node that begins with ``event``: texts, lists and mappings. An alias to another chart is ``_ELSEWHERE``."""
    if isinstance(event, yaml_events.AliasEvent):
        return anchors.get(event.anchor or "", _ELSEWHERE)
    built: Any
    if isinstance(event, yaml_events.ScalarEvent):
        built = event.value
    elif isinstance(event, yaml_events.SequenceStartEvent):
        built = []
        while not isinstance(following := next(events), yaml_events.SequenceEndEvent):
            built.append(_built(events, following, anchors))
    else:
        built = {}
        while not isinstance(following := next(events), yaml_events.MappingEndEvent):
            key = _built(events, following, anchors)
            built[str(key)] = _built(events, next(events), anchors)
    if event.anchor:
        anchors[event.anchor] = built
    return built
