"""One way to turn a contract type into bytes: sorted keys, no spaces, UTF-8. What is hashed and signed is always these bytes."""

import hashlib
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(order="sorted")


def canonical_json(value: Any) -> bytes:
    """Encode ``value`` (a contract struct, dict, list or scalar) as canonical JSON."""
    return _encoder.encode(value)


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of ``data`` as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_of(value: Any) -> str:
    """Return ``sha256:…`` of the canonical JSON of ``value``."""
    return f"sha256:{sha256_hex(canonical_json(value))}"
