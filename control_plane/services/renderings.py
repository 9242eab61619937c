"""What a release renders, kept by digest: many releases that render the same keep it once. Secrets were hidden before.

Only people look at it: what clusters run is rendered from the chart, by its digest.
"""

import zlib
from collections.abc import Sequence
from datetime import datetime

import msgspec

from cluster_agent.contract import sha256_hex
from control_plane.domain.rendered import RenderedObject
from control_plane.store.models import Release, Rendering
from control_plane.store.session import Session

MAX_BYTES = 5 * 1024 * 1024  # packed; more is not kept, and a comparison says so


def rendering_keep(session: Session, release: Release, objects: Sequence[RenderedObject], now: datetime) -> None:
    """Keep what ``release`` renders."""
    content = zlib.compress(msgspec.json.encode(list(objects)))
    if len(content) > MAX_BYTES:
        return
    digest = f"sha256:{sha256_hex(content)}"
    if session.get(Rendering, digest) is None:
        session.add(Rendering(digest=digest, content=content, stored_at=now))
    release.rendering = digest


def rendering_of(session: Session, release: Release) -> tuple[RenderedObject, ...] | None:
    """Return what ``release`` renders, None where it was not kept."""
    row = session.get(Rendering, release.rendering) if release.rendering else None
    return msgspec.json.decode(zlib.decompress(row.content), type=tuple[RenderedObject, ...]) if row else None
