"""SSH keys: private ones that can be used by a program that nobody sits at, and the host keys by which servers are known."""

import base64
import binascii
import hashlib
import re
import subprocess

import msgspec

from control_plane.domain.errors import InvalidInput, Transient
from control_plane.upstreams.programs import own_environment

SCAN_SECONDS = 15.0
_HOST = re.compile(r"\[?(?P<host>[A-Za-z0-9._-]+|[0-9a-fA-F:]+)\]?(:(?P<port>\d{1,5}))?")


class ServerKey(msgspec.Struct, frozen=True):
    """A host key: its ``line`` in known_hosts, its kind (``ssh-ed25519``) and the fingerprint that people compare."""

    host: str
    line: str
    kind: str
    fingerprint: str


def public_of(private: str) -> str:
    """Return the public line of a private key. Raises ``InvalidInput``: it is none, or has a passphrase, which nobody could type."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as keys

    is_openssh = "OPENSSH PRIVATE KEY" in private
    load = keys.load_ssh_private_key if is_openssh else keys.load_pem_private_key
    try:
        public = load(private.encode(), password=None).public_key()
        return public.public_bytes(keys.Encoding.OpenSSH, keys.PublicFormat.OpenSSH).decode()
    except TypeError:
        words = "the private key has a passphrase, and nobody is there to type it: make a key for this use alone"
        raise InvalidInput(f"{words} (ssh-keygen -t ed25519 -N '')", code="ssh_key") from None
    except (ValueError, UnsupportedAlgorithm, AttributeError):
        raise InvalidInput(
            "that is no private SSH key: its first line is -----BEGIN … PRIVATE KEY-----", code="ssh_key"
        ) from None


def known_name(place: str) -> str:
    """Return a server (``git.example.org``, ``git.example.org:2222``) as known_hosts names it. Raises ``InvalidInput``."""
    host, port = _parts(place)
    return host if port == 22 else f"[{host}]:{port}"


def scan(place: str) -> list[ServerKey]:
    """Ask a server for its host keys; whether they are its own only a person can tell. Raises ``Transient`` where none comes."""
    host, port = _parts(place)
    command = ["ssh-keyscan", "-T", "5", "-p", str(port), "--", host]
    try:
        done = subprocess.run(
            command, env=own_environment(), capture_output=True, timeout=SCAN_SECONDS, check=False, text=True
        )
    except FileNotFoundError:
        raise Transient("the program ssh-keyscan is missing: git over SSH needs it", code="ssh_missing") from None
    except subprocess.TimeoutExpired:
        raise Transient(f"{place} did not show a host key in time", code="timeout") from None
    found = [server_key(place, line) for line in done.stdout.splitlines() if line and not line.startswith("#")]
    if not found:
        raise Transient(f"{place} shows no host key: is an SSH server there?", code="no_host_key")
    return found


def server_key(place: str, line: str) -> ServerKey:
    """Read a line of known_hosts (or of ssh-keyscan) for a server. Raises ``InvalidInput``."""
    words = line.split()
    if len(words) < 3 or not re.fullmatch(r"[a-z0-9@.-]+", words[1]):
        raise InvalidInput(f"{line[:60]!r} is no host key: HOST ssh-ed25519 AAAA…", code="host_key")
    name, kind = known_name(place), words[1]
    try:
        digest = hashlib.sha256(base64.b64decode(words[2], validate=True)).digest()
    except binascii.Error:
        raise InvalidInput(f"{line[:60]!r} is no host key: HOST ssh-ed25519 AAAA…", code="host_key") from None
    fingerprint = f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"
    return ServerKey(name, f"{name} {kind} {words[2]}", kind, fingerprint)


def _parts(place: str) -> tuple[str, int]:
    found = _HOST.fullmatch(place)
    port = int(found["port"] or 22) if found else 0
    if found is None or found["host"].startswith("-") or not 0 < port < 65536:
        raise InvalidInput(f"{place!r} is no server: write git.example.org or git.example.org:2222", code="ssh_server")
    return found["host"], port
