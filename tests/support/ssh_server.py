"""A real OpenSSH server on a port of this machine, with its own host key, that lets in who has one of its authorized keys.

It runs as whoever runs the tests and lets nobody else in; nothing of the system's own server is used or changed.
"""

import getpass
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.support.databases import free_port

PROGRAM = "/usr/sbin/sshd"
PRIVILEGE_SEPARATION = Path("/run/sshd")  # a server that is started by root wants this folder
CONFIG = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
AcceptEnv GIT_PROTOCOL
AllowUsers {user}
LogLevel VERBOSE
"""


def make_key() -> tuple[str, str]:
    """Return a new private key as OpenSSH writes it, and its public line."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return private, key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


class SshServer:
    """A server that runs. ``user`` is whom to log in as; ``log`` is what it says."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.user = folder, free_port(), getpass.getuser()
        self.place = f"127.0.0.1:{self.port}"
        self.log = folder / "sshd.log"
        self.change_host_key()
        (folder / "authorized_keys").write_text("")
        (folder / "sshd_config").write_text(CONFIG.format(port=self.port, folder=folder, user=self.user))

    def url(self, repository: Path) -> str:
        """Return the address of a repository on this machine."""
        return f"ssh://{self.user}@127.0.0.1:{self.port}{repository}"

    def authorize(self, public: str) -> None:
        """Let in who has the private key of ``public``."""
        with (self.folder / "authorized_keys").open("a") as file:
            file.write(public + "\n")

    def change_host_key(self) -> None:
        """Become another server, as far as clients can tell (from the next start on)."""
        private, self.host_key = make_key()
        file = self.folder / "host_key"
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_text(private)

    @property
    def known_hosts(self) -> str:
        """The line by which clients know it."""
        return f"[127.0.0.1]:{self.port} {self.host_key}\n"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve while the block runs."""
        with _privilege_separation(), self.log.open("ab") as log:
            command = [PROGRAM, "-D", "-e", "-f", str(self.folder / "sshd_config")]
            server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            try:
                self._wait(server)
                yield
            finally:
                server.terminate()
                server.wait(10)

    def _wait(self, server: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and server.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise AssertionError(f"sshd did not start: {self.log.read_text()}")


@contextmanager
def _privilege_separation() -> Iterator[None]:
    is_ours = os.getuid() == 0 and not PRIVILEGE_SEPARATION.exists()
    if is_ours:
        PRIVILEGE_SEPARATION.mkdir(mode=0o755)
    yield
    if is_ours:
        with suppress(OSError):
            PRIVILEGE_SEPARATION.rmdir()
