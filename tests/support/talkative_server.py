"""A server that fails in every way, and in each repeats all that it was shown: in headers, bodies, redirects and tokens.

The first part of the path says how: ``/forbidden/acme/web/…``. It speaks for registries, Helm repositories, git, forges and JSON alike,
because none of them is answered.
"""

import json
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, urlsplit

WAYS = (
    *("unauthorized", "basic", "bearer", "bearer-refused", "bearer-html", "bearer-then-forbidden", "bearer-elsewhere"),
    *("forbidden", "absent", "limited", "error", "html", "text", "json", "fields", "redirect", "redirect-inside"),
    *("redirect-circle", "link", "type", "truncated", "slow", "silent"),
)
SLOW_SECONDS = 0.5


class Talkative:
    """``shown`` are the ``Authorization`` headers that came, by way; ``elsewhere`` those that came where a redirect led."""

    def __init__(self) -> None:
        self.shown: dict[str, set[str]] = {}
        self.elsewhere: list[str] = []
        self.url = self.other_url = ""

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server_of: Talkative

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode(errors="replace")
        authorization = self.headers.get("Authorization", "")
        way = next((part for part in urlsplit(self.path).path.split("/") if part in WAYS), "")
        if authorization:
            self.server_of.shown.setdefault(way, set()).add(authorization)
        said = " ".join(part for part in (authorization, _plain(authorization), body) if part) or "nobody"
        self._answer(way, said.replace("\n", " "), authorization)

    do_HEAD = do_POST = do_GET  # noqa: N815

    def _answer(self, way: str, said: str, authorization: str) -> None:
        url, in_url = self.server_of.url, quote(said)
        if "/token" in self.path:
            return self._token(way, said)
        if way.startswith("bearer") and not authorization.startswith("Bearer "):
            realm = f"{url}/token/{way}" if way != "bearer-elsewhere" else f"http://example.org/{in_url}"
            return self._send(401, said, {"WWW-Authenticate": f'Bearer realm="{realm}",service="{in_url}"'})
        codes = json.dumps({"errors": [{"code": said, "message": said}], "message": said})
        answers: dict[str, tuple[int, str, dict[str, str]]] = {
            "unauthorized": (401, codes, {}),
            "basic": (401, codes, {"WWW-Authenticate": f'Basic realm="{in_url}"'}),
            "absent": (404, codes, {}),
            "limited": (429, codes, {"Retry-After": said}),
            "error": (500, codes, {}),
            "html": (200, f"<html>{said}</html>", {"Content-Type": "text/html"}),
            "text": (200, said, {"Docker-Content-Digest": in_url}),
            "json": (200, json.dumps(said), {"Docker-Content-Digest": in_url, "Content-Type": in_url}),
            "fields": (200, json.dumps({said: said, "tags": said, "manifests": said, "config": said}), {}),
            "redirect": (302, said, {"Location": f"{self.server_of.other_url}/{way}/{in_url}?secret={in_url}"}),
            "redirect-inside": (302, said, {"Location": f"https://10.0.0.1/{in_url}?token={in_url}"}),
            "redirect-circle": (302, said, {"Location": f"{url}/redirect-circle/{in_url}"}),
            "link": (200, '{"tags": []}', {"Link": f'<http://example.org/{in_url}?{in_url}>; rel="next"'}),
            "type": (200, said, {"Content-Type": f"application/x-git-{in_url}"}),
        }
        if way == "slow":
            time.sleep(SLOW_SECONDS)
        if way == "silent":
            self.close_connection = True
            return None
        status, content, headers = answers.get(way, (403, codes, {}))
        return self._send(status, content, headers, missing=10 if way == "truncated" else 0)

    def _token(self, way: str, said: str) -> None:
        token = "lent-" + "".join(one for one in said if one.isalnum())[:100]
        answers = {
            "bearer": (200, json.dumps({"token": 5, said: said})),
            "bearer-html": (200, f"<html>{said}</html>"),
            "bearer-then-forbidden": (200, json.dumps({"token": token})),
        }
        status, content = answers.get(way, (401, said))
        self._send(status, content, {})

    def _send(self, status: int, content: str, headers: dict[str, str], *, missing: int = 0) -> None:
        body = content.encode()
        self.send_response(
            status,
            "".join(one for one in content if one.isprintable())[:200].encode("latin-1", "replace").decode("latin-1"),
        )
        for name, value in {"Content-Type": "application/json", "ETag": '"1"', **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + missing))
        self.close_connection = self.close_connection or missing > 0
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


def _plain(authorization: str) -> str:
    scheme, _, rest = authorization.partition(" ")
    try:
        return b64decode(rest).decode() if scheme == "Basic" else rest
    except ValueError:
        return rest


@contextmanager
def serving() -> Iterator[Talkative]:
    """Serve on two ports of this machine; the second is where redirects lead."""
    talkative = Talkative()

    class Handler(_Handler):
        server_of = talkative

    class Elsewhere(_Handler):
        server_of = talkative

        def do_GET(self) -> None:
            if "Authorization" in self.headers:
                talkative.elsewhere.append(self.headers["Authorization"])
            self._answer("error", self.path, "")

        do_HEAD = do_POST = do_GET  # noqa: N815

    servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for handler in (Handler, Elsewhere)]
    talkative.url, talkative.other_url = (f"http://127.0.0.1:{one.server_port}" for one in servers)
    threads = [threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.05}) for one in servers]
    for thread in threads:
        thread.start()
    try:
        yield talkative
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()
