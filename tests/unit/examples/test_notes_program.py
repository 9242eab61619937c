"""The notes application's program, run as it runs in its image."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx2 as httpx
import pytest

PROGRAM = Path(__file__).parents[3] / "examples" / "notes" / "image" / "notes.py"
ON_ANY_PORT = (
    "import runpy, http.server as h; m = runpy.run_path({program!r}); "
    "s = h.ThreadingHTTPServer(('127.0.0.1', 0), m['Notes']); print(s.server_port, flush=True); s.serve_forever()"
)


@pytest.fixture
def notes(tmp_path):
    (tmp_path / "title").write_text("Shopping")
    folders = {"NOTES_DATA": str(tmp_path), "NOTES_CONFIG": str(tmp_path), "NOTES_VERSION": "1.2.3"}
    command = [sys.executable, "-c", ON_ANY_PORT.format(program=str(PROGRAM))]
    with subprocess.Popen(
        command, env=os.environ | folders, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        port = int(process.stdout.readline())
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            yield client
        process.kill()


def test_a_note_is_kept(notes, tmp_path):
    assert notes.get("/note").status_code == 404
    assert notes.put("/note", content="buy milk").status_code == 200
    assert notes.get("/note").text == "buy milk\n"
    assert (tmp_path / "note.txt").read_text() == "buy milk"


def test_it_says_who_it_is(notes):
    assert notes.get("/version").text == "1.2.3\n"
    assert notes.get("/").text == "Shopping\n"


@pytest.mark.parametrize(("path", "size"), [("/note", 64 * 1024 + 1), ("/other", 1)])
def test_what_it_does_not_take(notes, path, size):
    assert notes.put(path, content=b"x" * size).status_code == 400
    assert notes.get("/note").status_code == 404


def test_the_port_is_the_one_of_the_image():
    exposed = re.search(r"^EXPOSE (\d+)$", PROGRAM.with_name("Dockerfile").read_text(), re.MULTILINE)
    assert f'ThreadingHTTPServer(("", {exposed[1]})' in PROGRAM.read_text()
