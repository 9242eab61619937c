"""A full TUF refresh with python-tuf's client, in a directory that exists for its length only.

Imported at the first change, not at start: python-tuf costs memory that an idle agent need not spend.
"""

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
from tuf.api import exceptions
from tuf.api.metadata import Metadata
from tuf.api.serialization import DeserializationError
from tuf.ngclient import FetcherInterface, TargetFile, Updater, UpdaterConfig

from cluster_agent.errors import Unreachable, Untrusted
from cluster_agent.trust.clock import expiry_message
from cluster_agent.trust.http import Answer, get, refuse_status

MAX_DOCUMENT_BYTES = 256 * 1024
CONFIG = UpdaterConfig(
    max_root_rotations=64,
    max_delegations=8,
    root_max_length=64 * 1024,
    timestamp_max_length=16 * 1024,
    snapshot_max_length=128 * 1024,
    targets_max_length=128 * 1024,
)


@dataclass(frozen=True, slots=True)
class Verified:
    """Outcome: metadata files by role, the two documents' bytes (None: not published), when the timestamp expires."""

    metadata: dict[str, bytes]
    manifest: bytes | None
    rollout: bytes | None
    timestamp_expires: datetime


def refresh(
    client: httpx2.Client,
    base_url: str,
    channel: str,
    *,
    root: bytes,
    known: Mapping[str, bytes],
    first: Answer,
    now: datetime,
) -> Verified:
    """Verify everything from ``root`` to the channel's documents.

    ``known`` are the trusted metadata files of earlier refreshes by role; ``first`` the answer for timestamp.json, which is
    not asked for again. Raises ``Untrusted`` or ``Unreachable``; nothing is kept then.
    """
    with tempfile.TemporaryDirectory(prefix="tidegate-trust-") as folder:
        directory = Path(folder)
        for role, data in known.items():
            (directory / f"{role}.json").write_bytes(data)
        fetcher = _Fetcher(client, first)
        with _translated(directory, fetcher, first, now):
            updater = _updater(directory, base_url, fetcher, root, now)
            updater.refresh()
            _require_delegation(updater, channel)
            manifest = _document(updater, f"channels/{channel}/manifest.json")
            rollout = _document(updater, f"rollouts/{channel}/rollout.json")
        return Verified(
            _kept(directory, channel), manifest, rollout, _expires((directory / "timestamp.json").read_bytes())
        )


class _Fetcher(FetcherInterface):
    """Reads through our bounded GET, hands out the timestamp that was read already, and remembers what it read."""

    def __init__(self, client: httpx2.Client, first: Answer) -> None:
        self.client = client
        self.first = self.last = first
        self.read: dict[str, bytes] = {}

    def download_bytes(self, url: str, max_length: int) -> bytes:
        answer = self.first if url == self.first.url else get(self.client, url, limit=max_length)
        self.last = answer
        if answer.status != 200:
            raise exceptions.DownloadHTTPError(str(refuse_status(answer)), answer.status)
        if answer.cut:
            raise exceptions.DownloadLengthMismatchError(
                f"{url} is longer than the {max_length} bytes that it may have"
            )
        self.read[_role_of(url)] = answer.body
        return answer.body

    def _fetch(self, url: str) -> Iterator[bytes]:
        yield self.download_bytes(url, MAX_DOCUMENT_BYTES)


def _updater(directory: Path, base_url: str, fetcher: _Fetcher, root: bytes, now: datetime) -> Updater:
    updater = Updater(
        metadata_dir=str(directory),
        metadata_base_url=f"{base_url}/metadata/",
        target_dir=str(directory / "documents"),
        target_base_url=f"{base_url}/targets/",
        fetcher=fetcher,
        config=CONFIG,
        bootstrap=root,
    )
    # python-tuf offers no other way to say what time it is; without it no expiry could be tested.
    updater._trusted_set.reference_time = now  # noqa: SLF001
    return updater


def _require_delegation(updater: Updater, channel: str) -> None:
    delegations = updater._trusted_set.targets.delegations  # noqa: SLF001  the public lookup cannot tell "no role" from "no file"
    roles = list((delegations.roles or {}) if delegations else {})
    if channel not in roles:
        channels = ", ".join(sorted(set(roles) - {"rollouts"})) or "none"
        raise Untrusted("wrong_channel", f"the repository has no channel {channel!r}; it has: {channels}")


def _document(updater: Updater, path: str) -> bytes | None:
    target: TargetFile | None = updater.get_targetinfo(path)
    if target is None:
        return None
    if target.length > MAX_DOCUMENT_BYTES:
        raise Untrusted("malformed", f"{path} has {target.length} bytes; an agent reads at most {MAX_DOCUMENT_BYTES}")
    return Path(updater.download_target(target)).read_bytes()


def _kept(directory: Path, channel: str) -> dict[str, bytes]:
    roles = ("root", "timestamp", "snapshot", "targets", "rollouts", channel)
    return {role: (directory / f"{role}.json").read_bytes() for role in roles if (directory / f"{role}.json").exists()}


def _expires(data: bytes) -> datetime:
    metadata: Metadata[Any] = Metadata.from_bytes(data)
    expires: datetime = metadata.signed.expires
    return expires


@contextmanager
def _translated(directory: Path, fetcher: _Fetcher, first: Answer, now: datetime) -> Iterator[None]:
    """Turn python-tuf's errors into ours, the most specific first."""
    try:
        yield
    except exceptions.ExpiredMetadataError as error:
        raise Untrusted("expired", _expired(str(error), directory, fetcher, first, now)) from None
    except exceptions.UnsignedMetadataError as error:
        raise Untrusted("unsigned", f"{error}: the files were changed by somebody without the key") from None
    except exceptions.BadVersionNumberError as error:
        raise Untrusted("rollback_attack", f"older metadata than before was offered: {error}") from None
    except exceptions.LengthOrHashMismatchError as error:
        raise Untrusted("wrong_digest", f"a published document is not the one that was signed: {error}") from None
    except exceptions.DownloadLengthMismatchError as error:
        raise Untrusted("malformed", str(error)) from None
    except DeserializationError as error:
        raise Untrusted(
            "malformed", f"a metadata file cannot be read: {_cause(error)}{_looks_like(fetcher.last)}"
        ) from None
    except exceptions.RepositoryError as error:
        code = "rollback_attack" if "missing info" in str(error) else "malformed"
        raise Untrusted(code, f"the repository contradicts itself: {error}") from None
    except exceptions.DownloadError as error:
        raise Unreachable(str(error.__cause__ or error)) from None


def _expired(text: str, directory: Path, fetcher: _Fetcher, first: Answer, now: datetime) -> str:
    match = re.search(r"([\w-]+?)(?:\.json)? is expired", text)
    role = match.group(1) if match else "timestamp"
    kept = directory / f"{role}.json"
    data = fetcher.read.get(role) or (kept.read_bytes() if kept.exists() else b"")
    return expiry_message(f"{role}.json", _expires(data), now, first.date)


def _role_of(url: str) -> str:
    return re.sub(r"^\d+\.", "", url.rpartition("/")[2]).removesuffix(".json")


def _cause(error: BaseException) -> str:
    return str(error.__cause__ or error)


def _looks_like(answer: Answer) -> str:
    if "html" in answer.content_type or answer.body.lstrip()[:1] == b"<":
        return f" ({answer.url} answers a web page: a proxy or a sign-in stands in between; check the agent's address)"
    return ""
