"""Where trusted metadata outlives the agent's process: a handful of small files, replaced all together or not at all."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from cluster_agent.errors import Untrusted


class MetadataStore(Protocol):
    """Files by name (letters, digits, ``-`` and ``.``; together well below 1 MiB). In a cluster this is a Secret."""

    def load(self) -> dict[str, bytes]:
        """Return everything that was saved last; empty before the first save."""
        ...

    def save(self, files: Mapping[str, bytes]) -> None:
        """Replace everything by ``files``, in one step that a kill cannot split."""
        ...


class DirectoryStore:
    """Keeps everything in the one file ``trusted.json`` of a directory: a rename is the one step."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "trusted.json"

    def load(self) -> dict[str, bytes]:
        """Return what was saved. Raises ``Untrusted`` if somebody damaged the file: to forget silently would allow a rollback."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=dict[str, bytes])
        except FileNotFoundError:
            return {}
        except msgspec.MsgspecError:
            raise Untrusted(
                "malformed", f"{self.path} is damaged: restore it, or remove it to trust anew from enrolment"
            ) from None

    def save(self, files: Mapping[str, bytes]) -> None:
        """Write beside the file, then rename over it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=self.path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(dict(files)))
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(self.path)
