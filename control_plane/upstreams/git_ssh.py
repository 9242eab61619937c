"""Git over the ``ssh`` program: which key it gets, which servers it believes, and that it never waits for anybody.

It never asks anything (BatchMode), believes known hosts only, and is ended when it takes too long. A private key of an account is
given to it as a file in memory: nothing of it is on a disk, also when this process is killed.
"""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from dulwich.client import SSHVendor, SubprocessWrapper
from dulwich.errors import HangupException

from control_plane.domain.errors import TidegateError, Transient, Untrusted
from control_plane.upstreams.credentials import NOBODY, Account, Accounts
from control_plane.upstreams.programs import own_environment


class Ssh(msgspec.Struct, frozen=True):
    """How SSH is used. ``key`` is a file with a private key, ``known_hosts`` one with host keys; None: the user's own. ``timeout``: s.

    An account of ``accounts`` (``application``'s own, where it has one) comes before ``key``; ``accepted`` gives further lines of
    known hosts.
    """

    program: str = "ssh"
    key: Path | None = None
    known_hosts: Path | None = None
    timeout: float = 120.0
    accounts: Accounts = NOBODY
    application: str = ""
    accepted: Callable[[], str] = str


@contextmanager
def noted(account: Account | None, accounts: Accounts) -> Iterator[None]:
    """Let the accounts hear whether the server let us in."""
    try:
        yield
    except Transient as error:
        if account is not None and error.code == "denied":
            accounts.note(account, "the server does not accept the key")
        raise
    if account is not None:
        accounts.note(account, "")


@contextmanager
def files_of(ssh: Ssh, account: Account | None) -> Iterator[tuple[Path | None, list[str]]]:
    """Yield the file of the private key and those of the known hosts (none: the program's own)."""
    accepted = ssh.accepted()
    own = [str(ssh.known_hosts)] if ssh.known_hosts else ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"]
    with in_memory(account.secret if account else "") as key, in_memory(accepted) as hosts:
        yield (key or ssh.key), ([*own, str(hosts)] if hosts else own if ssh.known_hosts else [])


@contextmanager
def in_memory(content: str) -> Iterator[Path | None]:
    """Yield a file that only this user may read; in memory, or where the system has no such files in a folder that goes away."""
    if not content:
        yield None
    elif sys.platform == "linux":
        descriptor = os.memfd_create("tidegate-ssh")
        try:
            os.fchmod(descriptor, 0o600)
            os.write(descriptor, content.encode())
            yield Path(f"/proc/{os.getpid()}/fd/{descriptor}")  # ssh closes what it inherits, so it opens ours
        finally:
            os.close(descriptor)
    else:
        with tempfile.NamedTemporaryFile("w", prefix="tidegate-ssh-") as file:  # mode 0600
            file.write(content)
            file.flush()
            yield Path(file.name)


def host_key_trouble(error: Exception, server: str) -> TidegateError | None:
    """Return what is wrong with the server's host key, and how a person puts it right; None where it is not about that."""
    said, accept = stderr_of(error), f"`tidegate account trust-host {server}`"
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in said:
        words = f"{server} shows another host key than the one that was accepted: somebody may be in between."
        return Untrusted(f"{words} Where it was changed on purpose: {accept} --replace", code="host_key_changed")
    if "Host key verification failed" in said:
        words = f"{server} shows a host key that nobody has accepted yet"
        return Transient(f"{words}: compare and accept it with {accept}", retry_after=300, code="host_key_unknown")
    return None


def stderr_of(error: Exception) -> str:
    """Return what SSH and the git behind it said, nothing where the error is not theirs."""
    lines = error.stderr_lines if isinstance(error, HangupException) else None
    return b"\n".join(lines).decode(errors="replace") if lines else ""


class SshProgram(SSHVendor):
    """Runs ``ssh``, and ends it when its time is over."""

    def __init__(self, ssh: Ssh, known_hosts: Sequence[str]) -> None:
        self._ssh, self._known_hosts = ssh, known_hosts

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
        words = [
            *ssh_words(self._ssh, port, self._known_hosts),
            "--",
            f"{username}@{host}" if username else host,
            command.decode(),
        ]
        version = protocol_version if protocol_version is not None else 2
        environment = own_environment() | {"GIT_PROTOCOL": f"version={version}"}
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


def ssh_words(ssh: Ssh, port: int | None, known_hosts: Sequence[str] = ()) -> list[str]:
    """Return the program and its options. ``known_hosts`` are files; none: the program's own."""
    options = ["BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=10", "ServerAliveInterval=15"]
    options += ["ServerAliveCountMax=2", "SendEnv=GIT_PROTOCOL", "ForwardAgent=no", "ClearAllForwardings=yes"]
    if known_hosts:
        options.append(f"UserKnownHostsFile={' '.join(known_hosts)}")
    if ssh.key is not None:
        options.append("IdentitiesOnly=yes")
    words = [ssh.program, "-x", "-T"]
    for option in options:
        words += ["-o", option]
    words += ["-i", str(ssh.key)] if ssh.key is not None else []
    return words + (["-p", str(port)] if port else [])
