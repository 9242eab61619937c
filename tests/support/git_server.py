"""A bare git repository on this machine, served by git's own smart HTTP program, and a stand-in for ``ssh`` that runs git at once."""

import os
import re
import subprocess
from collections import Counter
from pathlib import Path

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

_IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "PATH": os.environ["PATH"],
}
SSH = """#!/bin/sh
printf '%s\\n' "$@" > "{log}"
for last; do :; done
case "$last" in *denied*) echo 'git@example.com: Permission denied (publickey).' >&2; exit 255;; esac
case "$last" in *slow*) exec sleep 60;; esac
exec sh -c "$last"
"""


class GitServer:
    """``bare`` is the repository that is served, ``work`` a clone that tests commit in; ``asked`` counts requests by path and method."""

    def __init__(self, folder: Path, server: HTTPServer) -> None:
        self.bare, self.work, self._root = folder / "root" / "app.git", folder / "work", folder / "root"
        self.asked: Counter[tuple[str, str]] = Counter()
        self.is_modern = True  # protocol 2
        self._seconds = 1_700_000_000
        self._git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))
        for setting in ("uploadpack.allowFilter", "http.receivepack"):
            self._git(self.bare, "config", setting, "true")
        self._git(folder, "clone", "--quiet", str(self.bare), str(self.work))
        self.url = server.url_for("/git/app.git")
        server.expect_request(re.compile("/git/.*")).respond_with_handler(self._answer)

    def commit(self, message: str, files: dict[str, str | None]) -> str:
        """Commit files (None: removed) to main, push, and return the commit's id."""
        for path, content in files.items():
            target = self.work / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True) if content is None else target.write_text(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        self.git("push", "--quiet", "origin", "HEAD:main")
        return self.git("rev-parse", "HEAD")

    def tag(self, name: str, *, annotated: bool = False) -> None:
        """Tag the newest commit, or move the tag there."""
        self.git("tag", "--force", *(["--annotate", "-m", name] if annotated else []), name)
        self.git("push", "--quiet", "--force", "origin", f"refs/tags/{name}")

    def git(self, *words: str) -> str:
        """Run git in the clone."""
        return self._git(self.work, *words)

    def ssh_program(self, folder: Path) -> tuple[Path, Path]:
        """Return a program that does what ``ssh`` would make the other side do, and the file where it notes its arguments."""
        program, log = folder / "ssh", folder / "ssh.log"
        program.write_text(SSH.format(log=log))
        program.chmod(0o755)
        return program, log

    def _git(self, folder: Path, *words: str) -> str:
        self._seconds += 60
        dates = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), f"{self._seconds} +0000")
        done = subprocess.run(
            ["git", *words], cwd=folder, env={**_IDENTITY, **dates}, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def _answer(self, request: Request) -> Response:
        path = request.path.removeprefix("/git")
        self.asked[path.rpartition("/")[2], request.method] += 1
        environment = {
            **_IDENTITY,
            "GIT_PROJECT_ROOT": str(self._root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": request.query_string.decode(),
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", "") if self.is_modern else "",
        }
        body = request.get_data()
        environment["CONTENT_LENGTH"] = str(len(body))
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.decode().split(": ", 1) for line in head.split(b"\r\n") if line)
        return Response(content, int(headers.pop("Status", "200")[:3]), headers)
