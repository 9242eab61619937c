"""What each generation of a channel changed against the one before. PURE."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from control_plane.domain.differences import Change, flat_differences
from control_plane.store.models import Publication


@dataclass(frozen=True, slots=True)
class Generation:
    """A published generation and what it changed against the one before."""

    publication: Publication
    changes: tuple[Change, ...]


def generation_changes(publications: Sequence[Publication]) -> list[Generation]:
    """Return the generations, newest first as given, each against the one below it."""
    befores: Iterable[Publication | None] = [*publications[1:], None]
    return [
        Generation(
            publication, flat_differences(_releases(before.manifest if before else {}), _releases(publication.manifest))
        )
        for publication, before in zip(publications, befores, strict=True)
    ]


def _releases(manifest: dict[str, Any]) -> dict[str, str]:
    """Return which release of each application a generation has, by name."""
    return {
        one["name"]: one.get("release", "")
        for one in sorted(manifest.get("applications", ()), key=lambda one: one["name"])
    }
