"""What would change: two manifests of an application, or two generations of a channel, compared. PURE."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from control_plane.store.models import Publication


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: ``before`` or ``after`` is empty where the thing is new or gone."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Generation:
    """A published generation and what it changed against the one before."""

    publication: Publication
    changes: tuple[Change, ...]


def changes(before: dict[str, Any] | None, after: dict[str, Any] | None) -> tuple[Change, ...]:
    """Return how ``after`` differs from ``before``; both are an application's part of a manifest, or None."""
    old, new = _flat(before or {}), _flat(after or {})
    names = [*new, *(name for name in old if name not in new)]
    return tuple(Change(name, old.get(name, ""), new.get(name, "")) for name in names if old.get(name) != new.get(name))


def _flat(manifest: dict[str, Any]) -> dict[str, str]:
    """Return what people compare: version, chart, each image by repository, each value by dotted path."""
    if not manifest:
        return {}
    artifact = manifest.get("artifact", {})
    flat = {"release": str(manifest.get("release", "")), f"chart {artifact.get('ref', '')}": artifact.get("digest", "")}
    for reference, digest in manifest.get("images", {}).items():
        repository, _, tag = reference.rpartition(":")
        flat[f"image {repository or reference}"] = f"{tag} {digest}".strip()
    flat.update(_values("values", manifest.get("values", {})))
    return flat


def _values(path: str, value: Any) -> dict[str, str]:
    if isinstance(value, dict) and value:
        nested = [_values(f"{path}.{key}", item) for key, item in value.items()]
        return {key: item for part in nested for key, item in part.items()}
    return {path: json.dumps(value, ensure_ascii=False)} if value != {} else {}


def generation_changes(publications: Sequence[Publication]) -> list[Generation]:
    """Return the generations, newest first as given, each against the one below it."""
    befores: Iterable[Publication | None] = [*publications[1:], None]
    return [
        Generation(publication, _between(before.manifest if before else {}, publication.manifest))
        for publication, before in zip(publications, befores, strict=True)
    ]


def _between(before: dict[str, Any], after: dict[str, Any]) -> tuple[Change, ...]:
    old = {one["name"]: one.get("release", "") for one in before.get("applications", ())}
    new = {one["name"]: one.get("release", "") for one in after.get("applications", ())}
    names = sorted(old.keys() | new.keys())
    return tuple(Change(name, old.get(name, ""), new.get(name, "")) for name in names if old.get(name) != new.get(name))
