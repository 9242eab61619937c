"""How git repositories are reached: smart HTTP through our own web client, SSH through the ``ssh`` program (``git_ssh``)."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import msgspec
from dulwich.client import AbstractHttpGitClient, GitClient, SSHGitClient
from dulwich.errors import GitProtocolError, NotGitRepository

from control_plane.domain.errors import NotFound, TidegateError, Transient
from control_plane.upstreams.git_address import Place, place_of
from control_plane.upstreams.git_ssh import Ssh, SshProgram, files_of, host_key_trouble, noted, stderr_of
from control_plane.upstreams.registry_protocol import without_secrets
from control_plane.upstreams.web_client import WebClient, same_host

MAX_PACK = 512 * 1024 * 1024
SPOOLED = 4 * 1024 * 1024
PATIENCE = 60.0  # a server counts objects before it sends the first
_ABSENT = ("not found", "does not exist", "does not appear to be a git repository")


@contextmanager
def connected(location: str, web: WebClient, ssh: Ssh) -> Iterator[tuple[GitClient, str]]:
    """Yield a client for the repository and the path to give it. What goes wrong with it becomes NotFound, Transient or Untrusted."""
    place = place_of(location)
    if not place.host:
        with _told(place):
            yield _WebGit(place.url, web), ""
        return
    account = ssh.accounts.find(place.server, place.name, ssh.application, use="ssh")
    with noted(account, ssh.accounts), _told(place), files_of(ssh, account) as (key, known_hosts):
        vendor = SshProgram(msgspec.structs.replace(ssh, key=key), known_hosts)
        yield SSHGitClient(place.host, port=place.port, username=place.user, vendor=vendor, quiet=True), place.path


@contextmanager
def _told(place: Place) -> Iterator[None]:
    try:
        yield
    except TidegateError:
        raise
    except Exception as error:  # what a server sends is read by a library whose parsers raise anything
        raise _meant(error, place) from error


def _meant(error: Exception, place: Place) -> TidegateError:
    where, said = without_secrets(place.url), _said(error)
    if isinstance(error, NotGitRepository) or any(words in said.lower() for words in _ABSENT):
        return NotFound(f"{where} is no git repository, or we may not see it: {said}", code="no_repository")
    if (trouble := host_key_trouble(error, place.server)) is not None:
        return trouble
    if "permission denied" in said.lower():
        return Transient(f"{where} does not let us in: {said}", retry_after=300, code="denied")
    if isinstance(error, FileNotFoundError):
        return Transient(f"the program {error.filename!r} is missing: git over SSH needs it", code="ssh_missing")
    return Transient(f"{where} cannot be read: {said or type(error).__name__}", code="git_failed")


def _said(error: Exception) -> str:
    """Return the server's own line: SSH's and git's words come on standard error."""
    text = stderr_of(error) or str(error)
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
        self._web, self._home = web, url

    def _http_request(
        self, url: str, headers: dict[str, str] | None = None, data: Any = None, raise_for_status: bool = True
    ) -> tuple[Any, Callable[[int], bytes]]:
        del raise_for_status
        content = data if isinstance(data, bytes) or data is None else b"".join(data)
        body = cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=SPOOLED, prefix="tidegate-git-"))  # noqa: SIM115
        method = "GET" if content is None else "POST"
        account = self._web.account_for(self._home) if same_host(url, self._home) else None
        answer = self._web.ask(
            method,
            url,
            account=account,
            headers=headers,
            content=content,
            scheme="basic",
            limit=MAX_PACK,
            into=body,
            patience=PATIENCE,
        )
        body.seek(0)
        content_type = answer.headers.get("content-type", "")
        if not content_type.startswith("application/x-git-"):
            raise GitProtocolError("it does not speak git's smart HTTP: is this a git repository?")
        moved_to = answer.url if answer.url != url else ""
        return _WebAnswer(content_type, moved_to, body), body.read
