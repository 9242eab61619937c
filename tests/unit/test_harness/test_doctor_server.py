"""A port is free, Tidegate's own, or somebody else's."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from test_harness.doctor_server import free_port


@pytest.fixture
def serving():
    """Return a function: the port of a web server whose first page has these words."""
    servers = []

    def serve(words: bytes) -> int:
        class Page(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(words)

            def log_message(self, *_):
                pass

        servers.append(HTTPServer(("127.0.0.1", 0), Page))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return servers[-1].server_port

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_our_own_server_takes_no_port_away(serving):
    assert free_port("127.0.0.1", serving(b"<title>Sign in - Tidegate</title>")).ok is True
    assert free_port("127.0.0.1", serving(b"another")).ok is False


def test_a_free_port_and_a_host_that_is_not_ours():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert free_port("127.0.0.1", port).ok is True
    assert free_port("192.0.2.1", port).ok is False
