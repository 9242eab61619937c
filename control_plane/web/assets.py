"""Built files of the dashboard (``static/``), served from memory under names that carry their hash: cached for ever, compressed once.

They are few and small, so no collecting step and no disk access are needed.
"""

import gzip
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from control_plane.web.headers import HEADERS

PREFIX = "/static/"
FOLDER = Path(__file__).parent / "static"
HASH_LENGTH = 12
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
IMMUTABLE = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its address, its bytes as they are and compressed."""

    url: str
    media_type: str
    plain: bytes
    compressed: bytes


@lru_cache(maxsize=1)
def _assets() -> dict[str, Asset]:
    """Return every asset by its file name."""
    return {file.name: _read(file) for file in sorted(FOLDER.iterdir()) if file.suffix in MEDIA_TYPES}


def _read(file: Path) -> Asset:
    plain = file.read_bytes()
    mark = hashlib.sha256(plain).hexdigest()[:HASH_LENGTH]
    return Asset(
        url=f"{PREFIX}{file.stem}.{mark}{file.suffix}",
        media_type=MEDIA_TYPES[file.suffix],
        plain=plain,
        compressed=gzip.compress(plain, mtime=0),
    )


def asset_url(name: str) -> str:
    """Return the address of the file ``name``. Raises ``KeyError`` for an unknown one: a mistake in a template."""
    return _assets()[name].url


async def serve(scope: dict[str, Any], send: Send) -> None:
    """Answer a request below ``PREFIX``. A hash that is not today's is not found: the page that asked is stale."""
    found = next((asset for asset in _assets().values() if asset.url == scope["path"]), None)
    if found is None or scope["method"] not in {"GET", "HEAD"}:
        await _respond(send, 404, b"not found", {"content-type": "text/plain"})
        return
    zipped = b"gzip" in dict(scope["headers"]).get(b"accept-encoding", b"")
    headers = {"content-type": found.media_type, "cache-control": IMMUTABLE, "vary": "Accept-Encoding"}
    if zipped:
        headers["content-encoding"] = "gzip"
    body = found.compressed if zipped else found.plain
    await _respond(send, 200, body, headers, with_body=scope["method"] == "GET")


async def _respond(
    send: Send,
    status: int,
    body: bytes,
    headers: dict[str, str],
    *,
    with_body: bool = True,
) -> None:
    all_headers = {**HEADERS, **headers, "content-length": str(len(body))}
    lines = [(name.lower().encode(), value.encode()) for name, value in all_headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body if with_body else b""})
