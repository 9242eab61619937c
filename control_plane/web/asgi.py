"""The ASGI application. Three doors: built files from memory, live streams without a thread each, Django for the rest."""

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "control_plane.web.django_settings")

from django.core.asgi import get_asgi_application

_django = get_asgi_application()

from control_plane.web import assets, bodies, live  # noqa: E402  they use models, so Django is made first

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one connection."""
    path = scope.get("path", "")
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif path.startswith(assets.PREFIX):
        await assets.serve(scope, send)
    elif path == live.PATH:
        await live.serve(scope, receive, send)
    else:
        await bodies.bounded(_django, scope, receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    live.close()
    await send({"type": "lifespan.shutdown.complete"})
