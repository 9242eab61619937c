"""From verified bytes to a manifest and a rollout, or the reason why not. Pure: no network, no clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import msgspec

from cluster_agent.contract import Manifest, Rollout, sha256_hex
from cluster_agent.contract.manifest import MANIFEST_FORMATS, TooNew, read_manifest
from cluster_agent.contract.rollout import ROLLOUT_FORMAT
from cluster_agent.errors import Untrusted

UntrustedCode = Literal[
    "unsigned",  # the signatures do not satisfy who must sign
    "rollback_attack",  # an older version or generation than one already seen
    "expired",  # validly signed, but no longer valid (or a clock is wrong)
    "wrong_digest",  # not the bytes that were signed
    "unknown_format",  # signed, but for a newer agent
    "wrong_channel",  # signed for another channel, or there is no such channel
    "malformed",  # no metadata or document at all
]


@dataclass(frozen=True, slots=True)
class News:
    """A verified state of the channel. ``rollout`` None: nobody may take it yet. ``manifest_sha256`` is hexadecimal.

    ``too_new`` are applications of the channel that this agent cannot take; ``manifest`` has the others.
    """

    manifest: Manifest
    rollout: Rollout | None
    manifest_sha256: str
    too_new: tuple[TooNew, ...] = ()


class _Header(msgspec.Struct):
    format: int


def read_news(channel: str, manifest: bytes, rollout: bytes | None) -> News:
    """Decode verified bytes. Raises ``Untrusted``: ``malformed``, ``unknown_format`` or ``wrong_channel``."""
    known, too_new = _read_manifest(channel, manifest)
    return News(
        manifest=known,
        rollout=_read_rollout(channel, rollout) if rollout is not None else None,
        manifest_sha256=sha256_hex(manifest),
        too_new=too_new,
    )


def check_growth(news: News, accepted: int, accepted_sha256: str | None) -> None:
    """Raise ``Untrusted`` unless the generation is newer than ``accepted``, or is that very one (0: none accepted yet)."""
    manifest = news.manifest
    if manifest.generation < accepted:
        raise Untrusted(
            "rollback_attack",
            f"channel {manifest.channel} offers generation {manifest.generation}, but generation {accepted} was accepted before: "
            "refused although it is signed. To go back, publish the old release as a new, higher generation",
        )
    if manifest.generation == accepted and accepted_sha256 not in (None, news.manifest_sha256):
        raise Untrusted(
            "rollback_attack",
            f"channel {manifest.channel} offers generation {accepted} with other content than the generation {accepted} accepted "
            "before: refused. Publish the change as a new, higher generation",
        )


def _read_manifest(channel: str, data: bytes) -> tuple[Manifest, tuple[TooNew, ...]]:
    with _as_untrusted("manifest", channel):
        _known_format("manifest", channel, data, MANIFEST_FORMATS)
        manifest, too_new = read_manifest(data)
    _same_channel("manifest", channel, manifest.channel)
    return manifest, too_new


def _read_rollout(channel: str, data: bytes) -> Rollout:
    with _as_untrusted("rollout", channel):
        _known_format("rollout", channel, data, (ROLLOUT_FORMAT,))
        rollout = msgspec.json.decode(data, type=Rollout)
    _same_channel("rollout", channel, rollout.channel)
    return rollout


@contextmanager
def _as_untrusted(what: str, channel: str) -> Iterator[None]:
    try:
        yield
    except msgspec.MsgspecError as error:
        raise Untrusted("malformed", f"the {what} of channel {channel} is signed but cannot be read: {error}") from None


def _known_format(what: str, channel: str, data: bytes, known: tuple[int, ...]) -> None:
    found = msgspec.json.decode(data, type=_Header).format
    if found not in known:
        words = (
            f"the {what} of channel {channel} has format {found}, this agent reads format "
            f"{' and '.join(map(str, known))}: update the agent"
        )
        raise Untrusted("unknown_format", words)


def _same_channel(what: str, channel: str, found: str) -> None:
    if found != channel:
        raise Untrusted("wrong_channel", f"the {what} served as channel {channel}'s is one of channel {found}")
