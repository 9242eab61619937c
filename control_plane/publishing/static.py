"""What a web server may say about a published file: which file, its entity tag, how long it may be cached.

Only names of the repository's own layout are answered, so no path can lead out of it. The tag is a hash of the content;
content and tag come from one read, so a tag never belongs to other bytes than the ones sent with it.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from control_plane.domain.errors import NotFound
from control_plane.publishing.layout import CHANNEL_PATTERN

_VERSIONED = re.compile(rf"metadata/[1-9][0-9]{{0,18}}\.{CHANNEL_PATTERN}\.json")
_DOCUMENT = re.compile(
    rf"targets/(channels/{CHANNEL_PATTERN}/[0-9a-f]{{64}}\.manifest|rollouts/{CHANNEL_PATTERN}/[0-9a-f]{{64}}\.rollout)\.json"
)
_CHART = re.compile(r"artifacts/sha256-[0-9a-f]{64}\.tgz")
_TIMESTAMP = "metadata/timestamp.json"

ASK_EVERY_TIME = "no-cache"
NEVER_CHANGES = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One answer. ``etag`` is strong and quoted, as the header wants it."""

    path: Path
    body: bytes
    etag: str
    cache_control: str
    content_type: str = "application/json"

    def matches(self, if_none_match: str | None) -> bool:
        """True if the client's ``If-None-Match`` header names this very content: answer 304."""
        if not if_none_match:
            return False
        tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
        return self.etag in tags or "*" in tags


def resolve(root: Path, url_path: str) -> StaticFile:
    """Return the file of the repository below ``root`` that ``url_path`` (``metadata/timestamp.json``) names.

    Raises ``NotFound`` for anything that is no file of the repository's layout.
    """
    name = url_path.removeprefix("/")
    kind = "application/gzip" if _CHART.fullmatch(name) else "application/json"
    cache_control = _cache_control(name)
    path = root / name
    try:
        body = path.read_bytes()
    except OSError:
        raise NotFound(f"there is no published file {name}", code="no_such_file") from None
    etag = f'"{hashlib.sha256(body).hexdigest()}"'
    return StaticFile(path=path, body=body, etag=etag, cache_control=cache_control, content_type=kind)


def _cache_control(name: str) -> str:
    if name == _TIMESTAMP:
        return ASK_EVERY_TIME
    if any(pattern.fullmatch(name) for pattern in (_VERSIONED, _DOCUMENT, _CHART)):
        return NEVER_CHANGES
    raise NotFound(f"no published file is named {name[:200]!r}", code="no_such_file")
