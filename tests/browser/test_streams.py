"""Five hundred open pages: no thread each, and nobody else waits for them."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

STREAMS = 500
MOST_THREADS = 80


def threads_of(pid):
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("Threads:")[2].split()[0])


async def open_stream(port, cookie):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: tidegate_session={cookie}\r\n\r\n".encode())
    await writer.drain()
    head = await asyncio.wait_for(reader.readuntil(b"event: marker"), 30)
    assert b"200 OK" in head
    assert b"text/event-stream" in head
    return writer


async def get(port, path, cookie):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nCookie: tidegate_session={cookie}\r\n\r\n"
    )
    writer.write(request.encode())
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    return answer


async def crowd(server, cookie):
    before = time.monotonic()
    await get(server.port, "/", cookie)
    alone = time.monotonic() - before
    writers = []
    for _ in range(STREAMS // 50):
        writers += await asyncio.gather(*(open_stream(server.port, cookie) for _ in range(50)))
    before = time.monotonic()
    page = await get(server.port, "/", cookie)
    crowded = time.monotonic() - before
    threads = threads_of(server.process.pid)
    for writer in writers:
        writer.close()
    return page, alone, crowded, threads


def run(work):
    """Run a coroutine in a thread of its own: Playwright has a loop in ours."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, work).result()


def test_five_hundred_streams_stall_nobody(open_page, server):
    page = open_page("/")
    cookie = next(one["value"] for one in page.context.cookies() if one["name"] == "tidegate_session")
    page.close()
    answer, alone, crowded, threads = run(crowd(server, cookie))
    assert b"Overview" in answer
    assert threads <= MOST_THREADS
    assert crowded <= 5 * alone + 1.0


def test_streams_are_for_people_who_signed_in(server):
    answer = run(get(server.port, "/live", "nonsense"))
    assert b" 401 " in answer.split(b"\r\n", 1)[0]
