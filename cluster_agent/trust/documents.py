"""From verified bytes to a manifest and a rollout, or the reason why not. Pure: no network, no clock."""

from dataclasses import dataclass
from typing import Literal, TypeVar

import msgspec

from cluster_agent.contract import Manifest, Rollout, sha256_hex
from cluster_agent.contract.manifest import MANIFEST_FORMAT
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

D = TypeVar("D", Manifest, Rollout)


@dataclass(frozen=True, slots=True)
class News:
    """A verified state of the channel. ``rollout`` None: nobody may take it yet. ``manifest_sha256`` is hexadecimal."""

    manifest: Manifest
    rollout: Rollout | None
    manifest_sha256: str


class _Header(msgspec.Struct):
    format: int


def read_news(channel: str, manifest: bytes, rollout: bytes | None) -> News:
    """Decode verified bytes. Raises ``Untrusted``: ``malformed``, ``unknown_format`` or ``wrong_channel``."""
    return News(
        manifest=_read("manifest", channel, manifest, Manifest, MANIFEST_FORMAT),
        rollout=_read("rollout", channel, rollout, Rollout, ROLLOUT_FORMAT) if rollout is not None else None,
        manifest_sha256=sha256_hex(manifest),
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


def _read(what: str, channel: str, data: bytes, kind: type[D], known_format: int) -> D:
    try:
        found = msgspec.json.decode(data, type=_Header).format
        if found != known_format:
            raise Untrusted(
                "unknown_format",
                f"the {what} of channel {channel} has format {found}, this agent reads format {known_format}: update the agent",
            )
        document = msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise Untrusted("malformed", f"the {what} of channel {channel} is signed but cannot be read: {error}") from None
    if document.channel != channel:
        raise Untrusted(
            "wrong_channel", f"the {what} served as channel {channel}'s is one of channel {document.channel}"
        )
    return document
