"""Use cases of the channels' signed files: they follow the database, and may be written again at any time.

A generation without ``files_at`` is written by whoever finds it. What changed while it was being written is written again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import structlog

from cluster_agent.contract import Halt, Manifest, Wave, canonical_json, sha256_hex
from cluster_agent.contract import Rollout as RolloutFile
from control_plane.domain.errors import Refused
from control_plane.domain.rollouts import RolloutState
from control_plane.publishing.layout import LIFETIMES, ROLLOUTS
from control_plane.publishing.repository import Published, Repository
from control_plane.services import audit
from control_plane.store import lookups
from control_plane.store.models import Channel, Publication, Rollout
from control_plane.store.nudges import nudge
from control_plane.store.session import Session, SessionScope, session_scope

log = structlog.get_logger(__name__)

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""When the wave of everybody opens: past by every cluster's clock, also where that one or ours is wrong."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a channel's files should say; ``rollout_since`` is when the rollout's state was entered."""

    published: Published
    rollout_since: datetime | None


def channel_write_files(
    *,
    channel_id: int,
    repository: Repository,
    clock: Callable[[], datetime],
    scope: SessionScope = session_scope,
) -> bool:
    """Write what a channel has now. Says whether there was anything to write; a repeat changes not one byte.

    A channel without a generation gets its delegation, so that agents that follow it early find it empty, not unknown.
    """
    with scope() as session:
        channel = lookups.get(session, Channel, channel_id)
        wanted = wanted_files(session, channel, clock())
    if wanted is None:
        repository.add_channel(channel.name, now=clock())
        return False
    if not _write(repository, wanted.published, clock(), scope):
        return False
    with scope() as session:
        _note_written(session, channel_id, wanted, clock())
    return True


def channels_reconcile(
    *, repository: Repository, clock: Callable[[], datetime], scope: SessionScope = session_scope
) -> list[str]:
    """Make all files equal to the database; makes keys and delegations at first start. Return the roles written.

    Generations that the files have and the database has not are taken over: clusters have them, and never go back.
    """
    signed = repository.manifests()
    with scope() as session:
        for channel in lookups.all_channels(session):
            if channel.name in signed and signed[channel.name].generation > channel.generation:
                _take_over(session, channel, signed[channel.name], clock())
    with scope() as session:
        channels = lookups.all_channels(session)
        names = [channel.name for channel in channels]
        wanted = [(channel.id, wanted_files(session, channel, clock())) for channel in channels]
    published = [item.published for _, item in wanted if item is not None]
    written = repository.initialise(channels=names, published=published, now=clock())
    with scope() as session:
        for channel_id, item in wanted:
            if item is not None:
                _note_written(session, channel_id, item, clock())
    return written


def _take_over(session: Session, channel: Channel, manifest: Manifest, now: datetime) -> None:
    """The database was restored from a backup that is older than the files: count on from what was published last."""
    content = canonical_json(manifest)
    publication = Publication(
        channel=channel,
        generation=manifest.generation,
        manifest=msgspec.json.decode(content),
        manifest_sha256=sha256_hex(content),
        published_at=manifest.created,
        published_by=audit.SYSTEM,
        files_at=now,
    )
    lookups.add(session, publication)
    why = f"the database knew generation {channel.generation} only: it was restored from an older backup"
    log.warning("a generation is taken over from the signed files", channel=channel.name, reason=why)
    audit.record(
        session, channel, "taken_over", actor=audit.SYSTEM, now=now, reason=why, generation=manifest.generation
    )
    channel.generation = manifest.generation


def channels_renew(
    *, repository: Repository, clock: Callable[[], datetime], scope: SessionScope = session_scope
) -> list[str]:
    """Sign again what nears its expiry; files that cannot be built on are made anew first. Return the roles written."""
    try:
        return repository.renew(clock())
    except Refused as error:
        log.warning("the channels' files are made anew from the database", reason=error.message)
        return channels_reconcile(repository=repository, clock=clock, scope=scope)


def wanted_files(session: Session, channel: Channel, now: datetime) -> Wanted | None:
    """Return what the files of a channel should say; None before its first generation."""
    publication = lookups.publication_of(session, channel.id, channel.generation)
    if publication is None:
        return None
    manifest = msgspec.convert(publication.manifest, Manifest)
    rollout = lookups.rollout_of(session, channel.id, channel.generation)
    file = rollout_file(rollout, channel.name, now) if rollout else None
    return Wanted(Published(manifest, file), rollout.state_since if rollout else None)


def rollout_file(rollout: Rollout, channel: str, now: datetime) -> RolloutFile:
    """Return the file that says who may take the generation: one wave of everybody, or nobody while it is halted."""
    is_halted = rollout.state == RolloutState.HALTED
    halt = Halt(reason=rollout.state_reason, since=rollout.state_since) if is_halted else None
    everybody = Wave(name="everybody", percent=100, opens_at=LONG_AGO)
    return RolloutFile(
        channel=channel,
        generation=rollout.generation,
        expires=now + LIFETIMES[ROLLOUTS],
        waves=(everybody,),
        halted=halt,
    )


def _write(repository: Repository, published: Published, now: datetime, scope: SessionScope) -> bool:
    """Publish; put right what can be put right from the database. False when a newer generation was written meanwhile."""
    try:
        repository.publish_channel(published.manifest, published.rollout, now=now)
    except Refused as error:
        if error.code == "generation_not_growing":
            return False
        if error.code == "channel_not_delegated":
            repository.add_channel(published.manifest.channel, now=now)
            repository.publish_channel(published.manifest, published.rollout, now=now)
        elif error.code in ("not_initialised", "repository_damaged"):
            log.warning("the channels' files are made anew from the database", reason=error.message)
            channels_reconcile(repository=repository, clock=lambda: now, scope=scope)
        else:
            raise
    return True


def _note_written(session: Session, channel_id: int, wanted: Wanted, now: datetime) -> None:
    """Note what the files say now; a rollout that moved meanwhile is written once more."""
    generation = wanted.published.manifest.generation
    lookups.note_files(session, channel_id, generation, now)
    rollout = lookups.rollout_of(session, channel_id, generation)
    if rollout is None:
        return
    if rollout.state_since == wanted.rollout_since:
        rollout.files_at = now
    else:
        rollout.files_at = None
        nudge(session, "channel_write_files", channel_id)
