"""The signing keys, and what only the root key may sign, in one private directory.

root.pem         may be taken away: everything but changing roles, keys and channels goes on
online.pem       signs snapshot, timestamp, rollouts and (for now) every channel
*.next.pem       the successor while a rotation is under way; both sign until it is finished
signed/          every root.json and targets.json ever signed: public, but they cannot be made again without root.pem

The directory is 0700 and each key 0600. Keys are written whole or not at all, and an existing key is never overwritten.
A key may also be given as a file elsewhere, such as a mounted secret: it is used where the directory has none, and never made.
"""

import fcntl
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import MappingProxyType

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from securesystemslib.signer import CryptoSigner

from control_plane.domain.errors import Refused, Transient
from control_plane.publishing.storage import DirectoryStorage, read_if_present, sync_directory, write_atomically

LOCK_WAIT_SECONDS = 30.0
ROLES = ("root", "online")
_NONE: Mapping[str, Path] = MappingProxyType({})


class KeyRing:
    """The keys in ``directory``, and ``given`` ones by role. Files are read at each use: taking a key away has effect at once."""

    def __init__(self, directory: Path, given: Mapping[str, Path] = _NONE) -> None:
        self.directory = directory
        self.given = given
        self.signed = DirectoryStorage(directory / "signed")

    def make_missing(self) -> None:
        """Make the keys that are not given, at first start. Once a root.json has been signed no key is ever made silently."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        self._sweep()
        if self.signed.names("."):
            return
        for role in ROLES:
            if role not in self.given and not self._path(role).exists():
                write_new_key(self._path(role))

    def root_signers(self) -> tuple[CryptoSigner, ...]:
        """Return signers of the root key and its successor, as far as they are here. May be empty."""
        return self._signers("root")

    def online_signers(self) -> tuple[CryptoSigner, ...]:
        """Return signers of the online key and its successor. Raises ``Refused`` where there is none."""
        signers = self._signers("online")
        if not signers:
            place = self.given.get("online", self._path("online"))
            raise Refused(f"the online key {place} is missing: put it back from your backup", code="online_key_missing")
        return signers

    def require_root(self, purpose: str) -> tuple[CryptoSigner, ...]:
        """Return the root signers, or refuse with what they are needed for."""
        signers = self.root_signers()
        if not signers:
            place = self.given.get("root", self._path("root"))
            raise Refused(
                f"{purpose} needs the root key: put it at {place}, try again, and take it away afterwards",
                code="root_key_absent",
            )
        return signers

    def begin_rotation(self, role: str) -> CryptoSigner:
        """Return the successor of ``role``'s key, made now unless an unfinished rotation left one."""
        path = self._path(f"{role}.next")
        if not path.exists():
            write_new_key(path)
        return _load(path)

    def finish_rotation(self, role: str) -> None:
        """Let the successor take the place of ``role``'s key."""
        self._path(f"{role}.next").replace(self._path(role))
        sync_directory(self.directory)

    def unfinished_rotations(self) -> list[str]:
        """Return the roles that have a successor waiting."""
        return [role for role in ROLES if self._path(f"{role}.next").exists()]

    def too_open(self) -> list[Path]:
        """Return the key files that others on this machine may read."""
        return [path for path in sorted(self.directory.glob("*.pem")) if path.stat().st_mode & 0o077]

    def lock(self) -> AbstractContextManager[None]:
        """Let one publisher work at a time, among threads and processes of this machine.

        The kernel frees the lock when its holder dies. Raises ``Transient`` after ``LOCK_WAIT_SECONDS``.
        """
        return _turn(self.directory)

    def reading(self) -> AbstractContextManager[None]:
        """Let nobody publish while the whole repository is read."""
        return self.lock()

    def _path(self, name: str) -> Path:
        return self.directory / f"{name}.pem"

    def _signers(self, role: str) -> tuple[CryptoSigner, ...]:
        own = self._path(role)
        current = own if own.exists() else self.given.get(role, own)
        paths = (current, self._path(f"{role}.next"))
        return tuple(_load(path) for path in paths if path.exists())

    def _sweep(self) -> None:
        DirectoryStorage(self.directory).sweep()


class PublishedHalves(KeyRing):
    """What a process without keys knows: the published copies of root.json and targets.json in ``metadata``. Signs nothing."""

    def __init__(self, metadata: Path) -> None:
        super().__init__(metadata)
        self.signed = DirectoryStorage(metadata)

    def lock(self) -> AbstractContextManager[None]:
        """Refuse: nobody publishes here."""
        raise Refused(
            "this process has no signing keys (TIDEGATE_SIGNS=false): the worker on the queue `tidegate` signs",
            code="signs_nothing",
        )

    def reading(self) -> AbstractContextManager[None]:
        """Need no turn: timestamp.json is replaced in one step, and all that it leads to stays as it is."""
        return nullcontext()


def write_new_key(path: Path) -> None:
    """Write a new ed25519 key, mode 0600. The caller has made sure that none is overwritten."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_atomically(path, pem, mode=0o600)


@contextmanager
def _turn(directory: Path) -> Iterator[None]:
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "publish.lock").open("wb") as file:
        _wait_for(file.fileno())
        yield


def _load(path: Path) -> CryptoSigner:
    try:
        key = load_pem_private_key(read_if_present(path) or b"", password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise Refused(
            f"{path} is no ed25519 key in PEM without a password: put the right file back", code="key_unreadable"
        )
    return CryptoSigner(key)


def _wait_for(descriptor: int) -> None:
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                message = f"another process has been publishing for {LOCK_WAIT_SECONDS:.0f} s"
                raise Transient(message, retry_after=5, code="publisher_busy") from None
            time.sleep(0.02)
