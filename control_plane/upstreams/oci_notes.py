"""What an image or chart says about itself, in a few lines for people: where it comes from, which revision, and who speaks of it. PURE."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from control_plane.domain.sources import Notes
from control_plane.upstreams.oci import Referrer

PREFIX = "org.opencontainers.image."
LINES = {
    "description": "Description",
    "source": "Source",
    "revision": "Revision",
    "ref.name": "Reference",
    "documentation": "Documentation",
    "licenses": "Licenses",
    "base.name": "Base image",
}
MAX_LINE = 500
MAX_TYPES = 20


def notes_of(annotations: Mapping[str, str], made: datetime | None, referrers: Sequence[Referrer]) -> Notes | None:
    """Return what is said, None where nothing is."""
    said = {
        key.removeprefix(PREFIX): _line(text) for key, text in annotations.items() if key.startswith(PREFIX) and text
    }
    lines = [f"{words}: {said[key]}" for key, words in LINES.items() if key in said]
    lines += [f"Made: {made.astimezone(UTC):%Y-%m-%d %H:%M} UTC"] if made else []
    kinds = Counter(one.artifact_type or one.media_type or "unknown" for one in referrers)
    lines += [f"Referred to by: {count} × {_line(kind)}" for kind, count in sorted(kinds.items())[:MAX_TYPES]]
    if not lines:
        return None
    source = said.get("source", "")
    return Notes(
        title=" ".join(said[key] for key in ("title", "version") if key in said),
        body="\n".join(lines),
        url=source if source.startswith(("https://", "http://")) else said.get("url", ""),
        published_at=made,
        author=said.get("vendor") or said.get("authors", ""),
    )


def child_of(index: Mapping[str, Any]) -> str:
    """Return the digest of an index's first image; attestations, which are for no platform, are none. Empty: there is none."""
    for one in index.get("manifests") or ():
        platform = one.get("platform") if isinstance(one, dict) else None
        if isinstance(platform, dict) and platform.get("architecture") not in {None, "unknown"}:
            return str(one.get("digest", ""))
    return ""


def _line(text: str) -> str:
    return " ".join(text.split())[:MAX_LINE]
