"""``/live``: tells open pages that something changed (server-sent events). The pages then read themselves again.

One watcher per process asks the database for a marker, and only while somebody listens. A stream costs a queue, not a thread.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.utils.crypto import constant_time_compare

from control_plane.store.queries.marker import change_marker
from control_plane.store.session import read_scope

PATH = "/live"
LOOK_EVERY_SECONDS = 0.7
BEAT_SECONDS = 15.0  # a comment that keeps proxies from closing a quiet stream
LIFE_SECONDS = 600.0  # then the page comes back, and its right to listen is checked again
RETRY_MILLISECONDS = 1500
MOST_STREAMS = 2000

log = structlog.get_logger(__name__)
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class Broadcast:
    """Watches the marker while anybody listens and wakes every listener when it changes."""

    def __init__(self, read_marker: Callable[[], str]) -> None:
        self._read_marker = sync_to_async(read_marker, thread_sensitive=False)
        self._listeners: set[asyncio.Event] = set()
        self._watcher: asyncio.Task[None] | None = None
        self.marker = ""

    def __len__(self) -> int:
        return len(self._listeners)

    @contextlib.asynccontextmanager
    async def listening(self) -> Any:
        """Yield an event that is set at each change."""
        changed = asyncio.Event()
        self._listeners.add(changed)
        if self._watcher is None or self._watcher.done():
            self.marker = await self._look() or self.marker
            self._watcher = asyncio.create_task(self._watch())
        try:
            yield changed
        finally:
            self._listeners.discard(changed)

    def close(self) -> None:
        """Stop watching and wake all, so that their streams end."""
        if self._watcher is not None:
            self._watcher.cancel()
        for listener in self._listeners:
            listener.set()

    async def _watch(self) -> None:
        while self._listeners:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            marker = await self._look()
            if marker is not None and marker != self.marker:
                self.marker = marker
                for listener in self._listeners:
                    listener.set()

    async def _look(self) -> str | None:
        """Return the marker, or None while the database does not answer: the next look may."""
        try:
            return await self._read_marker()
        except Exception as error:  # whatever the driver raises, the watcher must go on
            log.warning("live pages: the database does not answer", error=str(error))
            return None


def _marker() -> str:
    with read_scope() as session:
        return change_marker(session)


_broadcast = Broadcast(_marker)
_closing = asyncio.Event()


def close() -> None:
    """End all streams: the server stops."""
    _closing.set()
    _broadcast.close()


async def serve(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer ``GET /live``: 401 for those not signed in, 503 when too many listen."""
    if not await _may_listen(scope):
        await _refuse(send, 401)
    elif len(_broadcast) >= MOST_STREAMS:
        await _refuse(send, 503)
    else:
        stream = asyncio.create_task(_stream(send))
        gone = asyncio.create_task(_disconnected(receive))
        await asyncio.wait([stream, gone], return_when=asyncio.FIRST_COMPLETED)
        for task in (stream, gone):
            task.cancel()
        await asyncio.gather(stream, gone, return_exceptions=True)


async def _stream(send: Send) -> None:
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    ends = asyncio.get_running_loop().time() + LIFE_SECONDS
    async with _broadcast.listening() as changed:
        await _say(send, f"retry: {RETRY_MILLISECONDS}\nevent: marker\ndata: {_broadcast.marker}\n\n")
        while not _closing.is_set() and asyncio.get_running_loop().time() < ends:
            try:
                await asyncio.wait_for(changed.wait(), BEAT_SECONDS)
            except TimeoutError:
                await _say(send, ": still here\n\n")
                continue
            changed.clear()
            await _say(send, f"event: marker\ndata: {_broadcast.marker}\n\n")
    await send({"type": "http.response.body", "body": b""})


async def _say(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def _may_listen(scope: dict[str, Any]) -> bool:
    try:
        cookies = SimpleCookie(dict(scope["headers"]).get(b"cookie", b"").decode("latin-1"))
    except CookieError:
        return False
    morsel = cookies.get(settings.SESSION_COOKIE_NAME)
    return morsel is not None and await sync_to_async(_is_signed_in, thread_sensitive=False)(morsel.value)


def _is_signed_in(session_key: str) -> bool:
    """Say whether the session belongs to an active person. In a shared thread, so its connection is closed at once."""
    try:
        session = SessionStore(session_key=session_key)
        if BACKEND_SESSION_KEY not in session:
            return False
        user = get_user_model().objects.filter(pk=session.get(SESSION_KEY), is_active=True).first()
        return user is not None and constant_time_compare(
            session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()
        )
    finally:
        connection.close()
