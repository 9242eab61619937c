"""How git repositories are reached: smart HTTP through our own web client, SSH through the ``ssh`` program.

SSH never asks anybody anything (BatchMode), believes known hosts only, and is ended when it takes too long.
"""

import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import msgspec
from dulwich.client import AbstractHttpGitClient, GitClient, SSHGitClient, SSHVendor, SubprocessWrapper
from dulwich.errors import GitProtocolError, HangupException, NotGitRepository

from control_plane.domain.errors import InvalidInput, NotFound, TidegateError, Transient
from control_plane.upstreams.registry_protocol import without_secrets
from control_plane.upstreams.web_client import WebClient

MAX_PACK = 512 * 1024 * 1024
SPOOLED = 4 * 1024 * 1024
PATIENCE = 60.0  # a server counts objects before it sends the first
_ABSENT = ("not found", "does not exist", "does not appear to be a git repository")


class Ssh(msgspec.Struct, frozen=True):
    """How SSH is used. ``key`` is a file with a private key, ``known_hosts`` one with host keys; None: the user's own. ``timeout``: s."""

    program: str = "ssh"
    key: Path | None = None
    known_hosts: Path | None = None
    timeout: float = 120.0


class Place(msgspec.Struct, frozen=True):
    """A repository's address, taken apart. ``host`` is empty for one on the web."""

    url: str
    host: str = ""
    user: str | None = None
    port: int | None = None
    path: str = ""


def place_of(location: str) -> Place:
    """Read ``https://host/path``, ``ssh://git@host/path`` or ``git@host:path``. Raises ``InvalidInput`` for any other address."""
    parts = urlsplit(location)
    if parts.scheme in {"http", "https"} and parts.hostname:
        return Place(location)
    if parts.scheme == "ssh" and parts.hostname and parts.path.strip("/"):
        return Place(location, parts.hostname, parts.username, parts.port, parts.path)
    user_and_host, colon, path = location.partition(":")
    user, at, host = user_and_host.rpartition("@")
    if colon and at and path and "//" not in location and "/" not in user_and_host and not host.startswith("-"):
        return Place(location, host, user, None, path)
    words = f"{without_secrets(location)!r} is no address of a git repository"
    raise InvalidInput(f"{words}: for example https://github.com/owner/name or git@host:owner/name", code="git_address")


@contextmanager
def connected(location: str, web: WebClient, ssh: Ssh) -> Iterator[tuple[GitClient, str]]:
    """Yield a client for the repository and the path to give it. What goes wrong with it becomes NotFound or Transient."""
    place = place_of(location)
    try:
        if place.host:
            vendor = _SshProgram(ssh)
            client = SSHGitClient(place.host, port=place.port, username=place.user, vendor=vendor, quiet=True)
            yield client, place.path
        else:
            yield _WebGit(place.url, web), ""
    except TidegateError:
        raise
    except Exception as error:  # what a server sends is read by a library whose parsers raise anything
        raise _meant(error, without_secrets(location)) from error


def _meant(error: Exception, where: str) -> TidegateError:
    said = _said(error)
    if isinstance(error, NotGitRepository) or any(words in said.lower() for words in _ABSENT):
        return NotFound(f"{where} is no git repository, or we may not see it: {said}", code="no_repository")
    if "permission denied" in said.lower() or "host key" in said.lower():
        return Transient(f"{where} does not let us in: {said}", retry_after=300, code="denied")
    if isinstance(error, FileNotFoundError):
        return Transient(f"the program {error.filename!r} is missing: git over SSH needs it", code="ssh_missing")
    return Transient(f"{where} cannot be read: {said or type(error).__name__}", code="git_failed")


def _said(error: Exception) -> str:
    """Return the server's own line: SSH's and git's words come on standard error."""
    lines = error.stderr_lines if isinstance(error, HangupException) else None
    text = b"\n".join(lines).decode(errors="replace") if lines else str(error)
    said = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in said if any(words in line.lower() for words in _ABSENT)), said[-1] if said else "")[
        :300
    ]


class _WebAnswer:
    """What dulwich wants of an answer: its type, and where it came from if not from where it was asked."""

    def __init__(self, content_type: str, redirect_location: str, body: BinaryIO) -> None:
        self.content_type, self.redirect_location, self._body = content_type, redirect_location, body
        self.status = 200

    def close(self) -> None:
        """Let go of the body."""
        self._body.close()


class _WebGit(AbstractHttpGitClient):
    """Smart HTTP. A server that only serves files (dumb HTTP) is refused: every look would read the whole repository."""

    def __init__(self, url: str, web: WebClient) -> None:
        super().__init__(url, quiet=True)
        self._web = web

    def _http_request(
        self, url: str, headers: dict[str, str] | None = None, data: Any = None, raise_for_status: bool = True
    ) -> tuple[Any, Callable[[int], bytes]]:
        del raise_for_status
        content = data if isinstance(data, bytes) or data is None else b"".join(data)
        body = cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=SPOOLED, prefix="tidegate-git-"))  # noqa: SIM115
        method = "GET" if content is None else "POST"
        answer = self._web.ask(
            method, url, headers=headers, content=content, limit=MAX_PACK, into=body, patience=PATIENCE
        )
        body.seek(0)
        content_type = answer.headers.get("content-type", "")
        if not content_type.startswith("application/x-git-"):
            raise GitProtocolError("it does not speak git's smart HTTP: is this a git repository?")
        moved_to = answer.url if answer.url != url else ""
        return _WebAnswer(content_type, moved_to, body), body.read


class _SshProgram(SSHVendor):
    """Runs ``ssh``, and ends it when its time is over."""

    def __init__(self, ssh: Ssh) -> None:
        self._ssh = ssh

    def run_command(  # the parameters are dulwich's
        self,
        host: str,
        command: bytes,
        username: str | None = None,
        port: int | None = None,
        password: str | None = None,
        key_filename: str | None = None,
        ssh_command: str | None = None,
        protocol_version: int | None = None,
    ) -> SubprocessWrapper:
        """Start the remote git. Passwords and other programs are not used."""
        del password, key_filename, ssh_command
        words = [*ssh_words(self._ssh, port), "--", f"{username}@{host}" if username else host, command.decode()]
        environment = {
            **os.environ,
            "GIT_PROTOCOL": f"version={protocol_version if protocol_version is not None else 2}",
        }
        process = subprocess.Popen(
            words,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        return _Timed(process, self._ssh.timeout)


class _Timed(SubprocessWrapper):
    def __init__(self, process: subprocess.Popen[bytes], timeout: float) -> None:
        super().__init__(process)
        self._timer = threading.Timer(timeout, process.kill)
        self._timer.daemon = True
        self._timer.start()

    def close(self, timeout: int | None = 10) -> None:
        """Let go of the program."""
        self._timer.cancel()
        super().close(timeout)


def ssh_words(ssh: Ssh, port: int | None) -> list[str]:
    """Return the program and its options."""
    options = ["BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=10", "ServerAliveInterval=15"]
    options += ["ServerAliveCountMax=2", "SendEnv=GIT_PROTOCOL", "ForwardAgent=no", "ClearAllForwardings=yes"]
    if ssh.known_hosts is not None:
        options.append(f"UserKnownHostsFile={ssh.known_hosts}")
    if ssh.key is not None:
        options.append("IdentitiesOnly=yes")
    words = [ssh.program, "-x", "-T"]
    for option in options:
        words += ["-o", option]
    words += ["-i", str(ssh.key)] if ssh.key is not None else []
    return words + (["-p", str(port)] if port else [])
