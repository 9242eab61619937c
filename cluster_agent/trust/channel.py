"""The agent's view of one channel: ask whether anything changed, verify what did, remember what was accepted.

Most polls are one conditional request that is answered 304; nothing is parsed then. The first request's tag is kept with the
metadata, so this holds for a restarted agent too. A full refresh is made at least once a day and before the timestamp expires.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import httpx2
import msgspec
import structlog

from cluster_agent.contract import sha256_hex
from cluster_agent.errors import Untrusted
from cluster_agent.trust.clock import expiry_message, skew
from cluster_agent.trust.documents import News, check_growth, read_news
from cluster_agent.trust.http import NOT_MODIFIED, Answer, get, refuse_status
from cluster_agent.trust.store import MetadataStore

FULL_REFRESH_EVERY = timedelta(days=1)
BEFORE_EXPIRY = timedelta(hours=1)
TIMESTAMP_LIMIT = 16 * 1024

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Nothing new: the channel is where it was, at ``generation``."""

    generation: int


@dataclass(frozen=True, slots=True)
class NothingPublished:
    """The channel exists and has no generation yet."""


class _State(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is remembered beside the metadata.

    ``anchor`` is the SHA-256 of enrolment's root.json; ``accepted`` the highest generation ever believed, by channel.
    """

    anchor: str
    channel: str
    etag: str
    refreshed: datetime
    timestamp_expires: datetime
    accepted: dict[str, int] = {}


class TrustedChannel:
    """Reads one repository at ``base_url`` and believes what ``root`` and its successors sign.

    ``root`` is root.json version 1 from enrolment; ``root_sha256`` (hexadecimal) from the join token. Not for concurrent use.
    """

    def __init__(
        self, *, root: bytes, store: MetadataStore, base_url: str, client: httpx2.Client, root_sha256: str | None = None
    ) -> None:
        if root_sha256 is not None and sha256_hex(root) != root_sha256:
            raise Untrusted(
                "wrong_digest",
                "root.json is not the one that the join token names: somebody is in between, or the token is of another server",
            )
        if urlsplit(base_url).scheme not in ("http", "https"):
            raise ValueError(f"base_url must start with http:// or https://, got {base_url!r}")
        self._root = root
        self._store = store
        self._client = client
        self._base_url = base_url.rstrip("/")
        self._files = store.load()
        self._state = _read_state(self._files)
        if self._state and self._state.anchor != sha256_hex(root):
            # Enrolled anew with another control plane: what the former one signed says nothing any more.
            self._files, self._state = {}, None
        self.clock_skew: timedelta | None = None

    def current(self) -> News | None:
        """Return the last accepted state of the channel, from the store, without any request; None before the first."""
        if self._state is None or "manifest.json" not in self._files:
            return None
        return read_news(self._state.channel, self._files["manifest.json"], self._files.get("rollout.json"))

    def poll(self, channel: str, now: datetime) -> Unchanged | NothingPublished | News:
        """Ask for changes. ``now`` is aware UTC. Raises ``Untrusted`` or ``Unreachable``; what was trusted before stays."""
        state = self._state if self._state and self._state.channel == channel else None
        full = state is None or _refresh_due(state, now)
        answer = self._ask("" if full or state is None else state.etag)
        self.clock_skew = skew(now, answer.date)
        if state is not None and not full and self._is_same(answer):
            return self._unchanged(state, answer, now)
        return self._refresh(channel, answer, now)

    def _ask(self, etag: str) -> Answer:
        answer = get(self._client, f"{self._base_url}/metadata/timestamp.json", limit=TIMESTAMP_LIMIT, etag=etag)
        if answer.status not in (200, NOT_MODIFIED) or (answer.status == NOT_MODIFIED and not etag):
            raise refuse_status(answer)
        return answer

    def _is_same(self, answer: Answer) -> bool:
        """True for 304, and for the very bytes that are trusted already (a server without tags)."""
        return answer.status == NOT_MODIFIED or answer.body == self._files.get("tuf.timestamp.json")

    def _unchanged(self, state: _State, answer: Answer, now: datetime) -> Unchanged | NothingPublished:
        if now >= state.timestamp_expires:
            raise Untrusted("expired", expiry_message("timestamp.json", state.timestamp_expires, now, answer.date))
        if answer.etag and answer.status == 200 and answer.etag != state.etag:
            self._save(self._files, msgspec.structs.replace(state, etag=answer.etag))
        return self._as_before()

    def _as_before(self) -> Unchanged | NothingPublished:
        assert self._state is not None
        generation = self._state.accepted.get(self._state.channel, 0)
        return Unchanged(generation) if generation else NothingPublished()

    def _refresh(self, channel: str, answer: Answer, now: datetime) -> Unchanged | NothingPublished | News:
        from cluster_agent.trust.refresh import refresh  # at use: see that module

        known = {name[4:-5]: data for name, data in self._files.items() if name.startswith("tuf.")}
        root = known.pop("root", self._root)
        verified = refresh(self._client, self._base_url, channel, root=root, known=known, first=answer, now=now)
        accepted = dict(self._state.accepted) if self._state else {}
        before = self.current()
        news = self._accept(channel, verified.manifest, verified.rollout, accepted, before)
        files = {f"tuf.{role}.json": data for role, data in verified.metadata.items()}
        files |= {"manifest.json": verified.manifest} if verified.manifest is not None else {}
        files |= {"rollout.json": verified.rollout} if verified.rollout is not None else {}
        self._save(
            files, _State(sha256_hex(self._root), channel, answer.etag, now, verified.timestamp_expires, accepted)
        )
        return news if news and news != before else self._as_before()

    def _accept(
        self, channel: str, manifest: bytes | None, rollout: bytes | None, accepted: dict[str, int], before: News | None
    ) -> News | None:
        """Decode, refuse what goes back, and raise the channel's mark in ``accepted``."""
        highest = accepted.get(channel, 0)
        if manifest is None:
            if highest:
                raise Untrusted(
                    "rollback_attack",
                    f"channel {channel} is empty, but generation {highest} was accepted before: refused",
                )
            return None
        news = read_news(channel, manifest, rollout)
        held = before.manifest_sha256 if before and before.manifest.channel == channel else None
        check_growth(news, highest, held if before and before.manifest.generation == highest else None)
        accepted[channel] = news.manifest.generation
        return news

    def _save(self, files: dict[str, bytes], state: _State) -> None:
        complete = files | {"state.json": msgspec.json.encode(state)}
        self._store.save(complete)
        self._files, self._state = complete, state


def _refresh_due(state: _State, now: datetime) -> bool:
    """True once a day, once in the last hour of the timestamp's life, and after the clock was set back."""
    before_expiry = state.timestamp_expires - BEFORE_EXPIRY
    return (
        now - state.refreshed >= FULL_REFRESH_EVERY or now < state.refreshed or state.refreshed < before_expiry <= now
    )


def _read_state(files: dict[str, bytes]) -> _State | None:
    if not files:
        return None
    try:
        return msgspec.json.decode(files["state.json"], type=_State)
    except (KeyError, msgspec.MsgspecError):
        raise Untrusted(
            "malformed",
            "the agent's trusted metadata is damaged, and to forget it silently would allow a rollback: "
            "restore it, or delete it to trust anew from enrolment",
        ) from None
