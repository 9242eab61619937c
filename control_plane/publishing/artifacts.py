"""Packed charts that are in no OCI registry, kept once by digest beside the channels' files. Nothing here is secret or signed.

A signed manifest names the digest; agents verify every byte against it. So these files may lie on any web server or mirror.
"""

import re
from datetime import datetime

from cluster_agent.contract import sha256_hex
from control_plane.domain.errors import InvalidInput
from control_plane.publishing.layout import ARTIFACTS
from control_plane.publishing.storage import Storage

_FILE = re.compile(r"sha256-([0-9a-f]{64})\.tgz")
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


def artifact_path(digest: str) -> str:
    """Return the name of the file of a ``sha256:…`` digest, below the channels' folder. Raises ``InvalidInput``."""
    found = _DIGEST.fullmatch(digest)
    if found is None:
        raise InvalidInput(f"{digest[:80]!r} is no digest: sha256: and 64 hexadecimal digits in lower case")
    return f"{ARTIFACTS}/sha256-{found[1]}.tgz"


def artifacts_kept(storage: Storage) -> dict[str, datetime]:
    """Return the digests of all packed charts that are kept, by when each was written. Files of other names are nobody's."""
    found = {
        f"sha256:{match[1]}": f"{ARTIFACTS}/{match[0]}"
        for match in map(_FILE.fullmatch, storage.names(ARTIFACTS))
        if match
    }
    return {digest: at for digest, name in found.items() if (at := storage.written_at(name)) is not None}


def artifact_is_whole(storage: Storage, digest: str) -> bool:
    """Say whether a packed chart is there with the very bytes that its digest names."""
    content = storage.read(artifact_path(digest))
    return content is not None and f"sha256:{sha256_hex(content)}" == digest


def artifact_remove(storage: Storage, digest: str) -> None:
    """Remove a packed chart; one that is not there is removed already. Raises ``Transient``."""
    storage.remove(artifact_path(digest))


def artifact_keep(storage: Storage, content: bytes) -> str:
    """Store a packed chart and return its digest; one that is there already is left as it is. Raises ``Transient``."""
    digest = f"sha256:{sha256_hex(content)}"
    name = artifact_path(digest)
    if storage.read(name) != content:
        storage.write(name, content)
    return digest
