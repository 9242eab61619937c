"""How long a request's body may be: judged before anything is read, and while it comes in where its length is not told.

Django keeps a whole body on disk before any view, and so before anybody is known, can refuse it.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from control_plane.settings import get_settings

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

PAGES = AGENTS = 1_000_000
MAINTAINERS = 8_000_000
"""Bytes: an application file with its suite, which has at most 5 MiB, in base64; or a form with a file, and tags to try."""


class _TooLarge(Exception):
    """More came than allowed."""


def limit_of(path: str) -> int:
    """Return how many bytes a body sent to ``path`` may have."""
    if path.startswith("/api/webhooks/"):
        return get_settings().webhook_body_limit
    if path.startswith(("/api/v1/", "/declare")) or (path.startswith("/applications/") and path.endswith("/edit")):
        return MAINTAINERS
    return AGENTS if path.startswith("/api/") else PAGES


async def bounded(app: App, scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Pass an HTTP request on to ``app``; answer 413 in its place where the body is too long."""
    limit, length = limit_of(scope["path"]), dict(scope["headers"]).get(b"content-length", b"0")
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise _TooLarge
        return message

    if not length.isdigit() or int(length) > limit:
        await _refuse(send, limit)
        return
    try:
        await app(scope, counted, send)
    except _TooLarge:
        await _refuse(send, limit)


async def _refuse(send: Send, limit: int) -> None:
    """Answer without having read the rest, so the connection ends with it."""
    detail = f"the body is too large: at most {limit} bytes are read here, and nothing was done"
    body = msgspec.json.encode({"code": "body_too_large", "detail": detail})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
