"""What a chart renders, object by object, as it is kept and compared: the templates' own text, with secrets hidden. PURE.

Hidden is every value of a Secret; elsewhere what has the name of a secret (``adminPassword``, an environment variable ``DB_TOKEN``), the
password of an address and private keys, also within the texts of a ConfigMap. Names of secrets (``secretName``) are none. What is hidden
once is never kept: nobody can tell later whether it changed.
"""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import re2  # type: ignore[import-untyped]  # it ships no types

from cluster_agent.contract import yamls
from cluster_agent.contract.rendered import HOOK_ANNOTATION

HIDDEN = "(hidden)"
# Linear-time expressions: a hostile chart cannot hang a worker.
_WORDS = "password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?"
_SECRET_NAME = re2.compile(rf"(?i)({_WORDS})$")
_NO_SECRET = re2.compile(r"(?i)^existing|^checksum/|secrets$")
_LINE = re2.compile(
    rf"""(?i)([\w.-]*(?:{_WORDS})\\?["']?\s*[:=]\s*)([^\s#,}}][^\n,}}]*)"""
)  # password = x, "token": "x"
_ADDRESS = re2.compile(r"(?i)([a-z][a-z0-9+.-]*://[^\s:/@]*:)([^\s@/]+)@")
_KEY = re2.compile(r"(?s)(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END [A-Z ]*PRIVATE KEY-----)")
TEXT = "tag:yaml.org,2002:str"
Span = tuple[tuple[int, int], str]
_PLAIN = ("true", "false", "null", "yes", "no", "on", "off")


class RenderedObject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One object. ``text`` is its YAML, secrets hidden; ``hook`` is what its annotation ``helm.sh/hook`` says."""

    kind: str
    name: str
    namespace: str = ""
    hook: str = ""
    text: str


def rendered_objects(manifests: str) -> tuple[RenderedObject, ...]:
    """Return the objects of rendered manifests, in their order. Raises ``ValueError`` for what is no YAML."""
    return tuple(
        _object(manifests, root) for root in yamls.nodes(manifests) if root is not None and root.id == "mapping"
    )


def hide_values(values: Any, name: str = "") -> Any:
    """Return Helm values (JSON) with what has the name of a secret hidden."""
    if isinstance(values, dict):
        return {key: hide_values(item, str(key)) for key, item in values.items()}
    if isinstance(values, list):
        return [hide_values(item, name) for item in values]
    if isinstance(values, str) and values:
        return HIDDEN if is_secret(name) else hide_text(values)
    return values


def is_secret(name: str) -> bool:
    """Say whether a key of this name holds a secret."""
    return _SECRET_NAME.search(name) is not None and _NO_SECRET.search(name) is None


def hide_text(text: str) -> str:
    """Return a text with the secrets in it hidden."""
    text = _KEY.sub(rf"\1{HIDDEN}\2", text)
    text = _ADDRESS.sub(rf"\1{HIDDEN}@", text)
    return str(_LINE.sub(_hidden_line, text))


def _hidden_line(match: Any) -> str:
    head, value = match.group(1), match.group(2)
    is_plain = value.strip(" \"'\\;").lower() in _PLAIN or _NO_SECRET.search(head.rstrip(" :=\"'\\")) is not None
    return f"{head}{value if is_plain else HIDDEN}"


def _object(manifests: str, root: Any) -> RenderedObject:
    metadata = _child(root, "metadata")
    return RenderedObject(
        kind=_text(_child(root, "kind")) or "?",
        name=_text(_child(metadata, "name")) or _text(_child(metadata, "generateName")) or "?",
        namespace=_text(_child(metadata, "namespace")),
        hook=_text(_child(_child(metadata, "annotations"), HOOK_ANNOTATION)),
        text=_replaced(manifests, root, dict(_secrets(manifests, root, "", set()))),
    )


def _replaced(manifests: str, root: Any, spans: dict[tuple[int, int], str]) -> str:
    """Return the object's text with other texts in place of some of its scalars."""
    parts, at = [], root.start_mark.index
    for (start, end), text in sorted(spans.items()):
        parts += [manifests[at:start], text]
        at = end
    parts.append(manifests[at : root.end_mark.index])
    lines = "".join(parts).rstrip().splitlines()
    indent = " " * root.start_mark.column
    return "\n".join(line.removeprefix(indent).rstrip() for line in lines) + "\n"


def _secrets(manifests: str, node: Any, name: str, seen: set[int]) -> Iterator[Span]:
    """Yield what to write in place of scalars that hold a secret; a node reached through an alias counts once."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if node.id == "sequence":
        for item in node.value:
            yield from _secrets(manifests, item, name, seen)
    elif node.id == "mapping":
        variable, is_secret_object = _text(_child(node, "name")), _text(_child(node, "kind")) == "Secret"
        for key, value in node.value:
            if is_secret_object and key.value in ("data", "stringData") and value.id == "mapping":
                yield from (_hidden(item) for _, item in value.value)
                continue
            yield from _secrets(
                manifests, value, variable if key.value == "value" and variable else str(key.value), seen
            )
    elif node.tag == TEXT and node.value:
        yield from _of_scalar(manifests, node, name)


def _of_scalar(manifests: str, node: Any, name: str) -> Iterator[Span]:
    """A block is changed as it is written; anything else is written anew, because its quotes belong to no secret."""
    span = node.start_mark.index, node.end_mark.index
    if is_secret(name):
        yield _hidden(node)
    elif _is_block(node):
        written = manifests[slice(*span)]
        if (hidden := hide_text(written)) != written:
            yield span, hidden
    elif (hidden := hide_text(node.value)) != node.value:
        yield span, json.dumps(hidden, ensure_ascii=False)


def _is_block(node: Any) -> bool:
    return node.id == "scalar" and node.style in ("|", ">")


def _hidden(node: Any) -> Span:
    """A block's mark lies behind its last line, which has to end."""
    return (node.start_mark.index, node.end_mark.index), HIDDEN + ("\n" if _is_block(node) else "")


def _child(node: Any, name: str) -> Any:
    if node is None or node.id != "mapping":
        return None
    return next((value for key, value in node.value if key.value == name), None)


def _text(node: Any) -> str:
    return str(node.value) if node is not None and node.id == "scalar" else ""
