"""Secrets as they are stored: encrypted and authenticated (Fernet), by a key in a file of its own."""

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from control_plane.domain.errors import InvalidInput, Untrusted

KEY_FILE = "secrets.key"


def sealing_key(data_dir: Path) -> bytes:
    """Return this installation's key, made at first use (mode 0600). Whoever has it and the database has the secrets."""
    file = data_dir / KEY_FILE
    data_dir.mkdir(parents=True, exist_ok=True)
    draft = data_dir / f".{KEY_FILE}.{os.getpid()}"
    if not file.exists():
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(Fernet.generate_key())
        try:
            os.link(draft, file)  # whole or not at all; the first of two processes wins
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_bytes()


def seal(secret: str, key: bytes) -> str:
    """Return ``secret`` as text that only ``key`` opens. Raises ``InvalidInput``: that is no key."""
    return _cipher(key).encrypt(secret.encode()).decode()


def open_sealed(sealed: str, key: bytes) -> str:
    """Return the secret. Raises ``Untrusted``: sealed by another key, or changed since."""
    try:
        return _cipher(key).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Untrusted("a stored secret was sealed by another key, or was changed", code="sealed") from None


def _cipher(key: bytes) -> Fernet:
    try:
        return Fernet(key)
    except ValueError:
        raise InvalidInput(f"{KEY_FILE} holds no key: restore it from a backup", code="sealing_key") from None
