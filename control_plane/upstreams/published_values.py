"""Helm values are published to everyone in the channels' files: which of an application file's look like secrets. PURE.

A warning, not a mistake: only the chart's author knows whether ``token`` is one. Few false alarms: texts that are not empty, under a key
that names a secret itself; not names of Secrets (``existingSecret``, ``tlsSecret``), and not references that others resolve.
"""

from collections.abc import Iterator

import re2  # type: ignore[import-untyped]  # it ships no types

from control_plane.domain.errors import Mistake, Place
from control_plane.domain.rendered import hide_text, is_secret
from control_plane.upstreams.places_file import at
from control_plane.upstreams.yaml_source import Value, read_yaml

PROBLEM = "looks like a secret, and values are published to everyone, in clear"
HINT = "put it into a Secret in each cluster and name that here: the chart's existingSecret, or whatever it calls it"
_NAME_OF_SECRET = re2.compile(r"(?i)(tls|ssl|ca|cert|certificate|pull|password|token|credentials?|key)[_-]?secret$")
_REFERENCE = re2.compile(r"^(\$[({]|\{\{|<[a-z]+:|ref\+|vault:)")
_SETTINGS = ("true", "false", "yes", "no", "on", "off", "null", "none")


def published_secrets(text: str, *, file: str) -> tuple[Mistake, ...]:
    """Return what looks like a secret in ``spec.values`` of an application file that was read, by its place; never the secret."""
    values = at(read_yaml(text, file=file), "spec", "values")
    if values is None:
        return ()
    found = _secrets(values, "spec.values", "")
    return tuple(Mistake(Place(path, file, value.line, value.column), PROBLEM, HINT) for path, value in found)


def _secrets(value: Value, path: str, name: str) -> Iterator[tuple[str, Value]]:
    """Yield places with their values; the ``value`` of ``{name: DB_PASSWORD, value: …}`` goes by that name."""
    if isinstance(value.content, dict):
        variable = at(value, "name")
        for key, item in value.content.items():
            called = str(variable.content) if key == "value" and variable is not None else str(key)
            yield from _secrets(item, f"{path}.{key}", called)
    elif isinstance(value.content, list):
        for position, item in enumerate(value.content):
            yield from _secrets(item, f"{path}[{position}]", name)
    elif isinstance(value.content, str) and _is_told(name, value.content.strip()):
        yield path, value


def _is_told(name: str, text: str) -> bool:
    if not text or text.lower() in _SETTINGS or _REFERENCE.search(text):
        return False
    return (is_secret(name) and not _NAME_OF_SECRET.search(name)) or bool(hide_text(text) != text)
