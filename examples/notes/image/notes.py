"""One note over HTTP: GET /note reads it, PUT /note replaces it, GET /version and GET / say who answers."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NOTE = Path(os.environ.get("NOTES_DATA", "/data"), "note.txt")
TITLE = Path(os.environ.get("NOTES_CONFIG", "/config"), "title")
LIMIT_BYTES = 64 * 1024


class Notes(BaseHTTPRequestHandler):
    def do_GET(self):
        pages = {"/": self.title, "/version": lambda: os.environ["NOTES_VERSION"], "/note": NOTE.read_text}
        try:
            self.answer(200, pages[self.path]())
        except (KeyError, FileNotFoundError):
            self.answer(404, "nothing here")

    def do_PUT(self):
        length = int(self.headers.get("Content-Length", 0))
        if self.path != "/note" or length > LIMIT_BYTES:
            self.answer(400, f"PUT /note takes up to {LIMIT_BYTES} bytes")
            return
        fresh = NOTE.with_suffix(".new")
        fresh.write_bytes(self.rfile.read(length))
        fresh.replace(NOTE)
        self.answer(200, "kept")

    def title(self):
        return TITLE.read_text() if TITLE.exists() else "Notes"

    def answer(self, status, text):
        body = f"{text}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8080), Notes).serve_forever()
