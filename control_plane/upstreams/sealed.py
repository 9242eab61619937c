"""Secrets as they are stored: encrypted and authenticated (Fernet) by keys in a file of their own, one a line, the newest first.

The newest key seals, each of them opens what it sealed. What is sealed is bound to what it is for: a row of the database whose host
was changed opens nothing. The file is replaced as a whole, under a lock.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from control_plane.domain.errors import InvalidInput, Refused, Untrusted


class Sealed(msgspec.Struct, frozen=True):
    """A sealed secret and the id of the key that opens it."""

    text: str
    key_id: str


class SealingKeys:
    """The keys of ``file``, the newest first."""

    def __init__(self, keys: Sequence[bytes], file: Path) -> None:
        self.file = file
        self._ciphers = {_key_id(key): _cipher(key, file) for key in keys}
        if not self._ciphers:
            raise InvalidInput(f"{file} holds no key: restore it from a backup", code="sealing_key")

    @property
    def newest(self) -> str:
        """The id of the key that seals."""
        return next(iter(self._ciphers))

    def seal(self, secret: str, about: str) -> Sealed:
        """Return ``secret``, bound to ``about``, as text that only this key opens."""
        content = msgspec.json.encode((about, secret))
        return Sealed(self._ciphers[self.newest].encrypt(content).decode(), self.newest)

    def open(self, sealed: Sealed, about: str) -> str:
        """Return the secret. Raises ``Untrusted``: sealed by a key that is not here, changed since, or about something else."""
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            words = f"a stored secret was sealed by the key {sealed.key_id}, which is not in {self.file}"
            raise Untrusted(f"{words}: put it back there as a further line", code="sealed")
        try:
            meant, secret = msgspec.json.decode(cipher.decrypt(sealed.text.encode()), type=tuple[str, str])
        except (InvalidToken, msgspec.MsgspecError):
            raise Untrusted("a stored secret was changed since it was sealed", code="sealed") from None
        if meant != about:
            raise Untrusted("a stored secret was sealed for another place than its row says", code="sealed")
        return secret


def read_keys(file: Path) -> SealingKeys:
    """Return the keys of a file. Raises ``InvalidInput``: it is missing, or holds something else."""
    return SealingKeys(_lines(file), file)


@contextmanager
def keys_kept(file: Path) -> Iterator[SealingKeys]:
    """Yield the keys, made at first use (mode 0600); nobody retires one of them while the block runs."""
    _make(file)
    with _locked(file, fcntl.LOCK_SH):
        yield read_keys(file)


@contextmanager
def keys_renewed(file: Path) -> Iterator[SealingKeys]:
    """Yield keys of which the newest is new; the others are removed when the block ends well: seal everything anew in it.

    Killed half way, the file has all of them. Where it cannot be written the newest must have been put there by hand, and nothing is
    removed. Raises ``Refused`` where somebody is using it.
    """
    _make(file)
    with _locked(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
        if _is_ours(file):
            _draft(file, [Fernet.generate_key(), *_lines(file)]).replace(file)
        yield read_keys(file)
        if _is_ours(file):
            _draft(file, _lines(file)[:1]).replace(file)


@contextmanager
def _locked(file: Path, how: int) -> Iterator[None]:
    """Hold the lock beside the file. Where nothing can be written there, nobody changes the file under us either."""
    if not _is_ours(file):
        yield
        return
    descriptor = os.open(file.with_name(f".{file.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    except BlockingIOError:
        raise Refused(f"{file} is in use right now: try again", code="sealing_key_busy") from None
    finally:
        os.close(descriptor)


def _is_ours(file: Path) -> bool:
    return os.access(file.parent, os.W_OK)


def _lines(file: Path) -> list[bytes]:
    try:
        return [line for line in file.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        words = f"the key of stored accounts cannot be read from {file}: {error.strerror}"
        raise InvalidInput(f"{words}. Restore it from a backup, or add the accounts anew", code="sealing_key") from None


def _make(file: Path) -> None:
    """Write a first key where there is none."""
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with _locked(file, fcntl.LOCK_EX):
        if not file.exists():
            _draft(file, [Fernet.generate_key()]).replace(file)


def _draft(file: Path, keys: Sequence[bytes]) -> Path:
    """Write the file's next content beside it; only under the lock, so by one at a time."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(b"\n".join(keys) + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    return draft


def _key_id(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:12]


def _cipher(key: bytes, file: Path) -> Fernet:
    try:
        return Fernet(key)
    except ValueError:
        raise InvalidInput(
            f"{file} holds a line that is no key: restore it from a backup", code="sealing_key"
        ) from None
