"""What would change between two manifests of an application, in the order in which people ask. PURE.

A manifest is the JSON of ``contract.ApplicationManifest``. Values that have the name of a secret are hidden.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from control_plane.domain.differences import Change, flat, flat_differences
from control_plane.domain.rendered import hide_values

Manifest = Mapping[str, Any]
_OWN = frozenset({"name", "release", "release_digest", "artifact", "images", "values", "edges"})


class ManifestChanges(msgspec.Struct, frozen=True, kw_only=True):
    """``chart`` and ``images`` by what they are called, with tag and digest; ``values`` by path; ``rest``: how it is installed."""

    images: tuple[Change, ...] = ()
    chart: tuple[Change, ...] = ()
    values: tuple[Change, ...] = ()
    rest: tuple[Change, ...] = ()

    @property
    def settings(self) -> tuple[Change, ...]:
        """Values, and how it is installed."""
        return (*self.values, *self.rest)

    @property
    def all(self) -> tuple[Change, ...]:
        """Every change."""
        return (*self.images, *self.chart, *self.settings)


def manifest_changes(before: Manifest | None, after: Manifest | None) -> ManifestChanges:
    """Return how ``after`` differs from ``before``; None is an application that is not there."""
    old, new = before or {}, after or {}
    return ManifestChanges(
        images=flat_differences(_images(old), _images(new)),
        chart=flat_differences(_chart(old), _chart(new)),
        values=flat_differences(_values(old), _values(new)),
        rest=flat_differences(_rest(old), _rest(new)),
    )


def _chart(manifest: Manifest) -> dict[str, str]:
    artifact = manifest.get("artifact")
    return {artifact["ref"]: f"{manifest.get('release', '')} {artifact['digest']}"} if artifact else {}


def _images(manifest: Manifest) -> dict[str, str]:
    """Return each image by its repository: tag and digest. A repository that is used with several tags is told by the tag too."""
    images = manifest.get("images", {})
    tags: dict[str, list[str]] = {}
    for reference in images:
        repository, tag = _split(reference)
        tags.setdefault(repository, []).append(tag)
    found = {}
    for reference, digest in images.items():
        repository, tag = _split(reference)
        name = repository if len(tags[repository]) == 1 else reference
        found[name] = f"{tag} {digest}".strip()
    return found


def _split(reference: str) -> tuple[str, str]:
    repository, colon, tag = reference.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (reference, "")


def _values(manifest: Manifest) -> dict[str, str]:
    values = hide_values(manifest.get("values", {}))
    return flat(values, "values") if values else {}


def _rest(manifest: Manifest) -> dict[str, str]:
    return flat({key: value for key, value in manifest.items() if key not in _OWN}) if manifest else {}
