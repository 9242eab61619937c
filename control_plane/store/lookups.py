"""Rows by their natural keys, and rows taken for a change. What is not there is ``NotFound``, with what was looked for.

``take`` locks the row until the transaction ends (PostgreSQL: FOR UPDATE; SQLite: the transaction holds the only write lock).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from control_plane.domain.errors import NotFound
from control_plane.domain.promotions import OPEN_STATES, TURNED_AWAY, PromotionState
from control_plane.domain.rollouts import OPEN_STATES as OPEN_ROLLOUTS
from control_plane.store import models
from control_plane.store.base import Base

M = TypeVar("M", bound=Base)


def take(session: Session, model: type[M], row_id: int) -> M:
    """Return the row, locked and read anew. Raises ``NotFound``."""
    statement = select(model).where(model.id == row_id)  # type: ignore[attr-defined]  # every table has an id
    row = session.scalar(statement.with_for_update().execution_options(populate_existing=True))
    if row is None:
        raise NotFound(f"there is no {model.__name__.lower()} {row_id}")
    return row


def get(session: Session, model: type[M], row_id: Any) -> M:
    """Return the row by its id, without a lock. Raises ``NotFound``."""
    row = session.get(model, row_id)
    if row is None:
        raise NotFound(f"there is no {model.__name__.lower()} {row_id}")
    return row


def add(session: Session, row: M) -> M:
    """Insert a row, so that it has its id."""
    session.add(row)
    session.flush()
    return row


def application_named(session: Session, name: str) -> models.Application:
    """Return the application. Raises ``NotFound``."""
    row = find_application(session, name)
    if row is None:
        raise NotFound(f"there is no application {name!r}: `tidegate app list` shows what is declared")
    return row


def find_application(session: Session, name: str) -> models.Application | None:
    """Return the application, locked, or None."""
    return session.scalar(select(models.Application).where(models.Application.name == name).with_for_update())


def release_of(session: Session, application: str, version: str) -> models.Release:
    """Return the release ``version`` of an application. Raises ``NotFound``."""
    owner = application_named(session, application)
    row = find_release(session, owner.id, version)
    if row is None:
        raise NotFound(f"{application} has no release {version}: `tidegate release list {application}` shows them")
    return row


def find_release(session: Session, application_id: int, version: str) -> models.Release | None:
    """Return the release, or None."""
    return session.scalar(select(models.Release).filter_by(application_id=application_id, version=version))


def releases_in(session: Session, application_id: int, states: Sequence[str]) -> Sequence[models.Release]:
    """Return an application's releases in any of ``states``, locked, oldest first."""
    statement = select(models.Release).filter_by(application_id=application_id).where(models.Release.state.in_(states))
    return session.scalars(statement.order_by(models.Release.id).with_for_update()).all()


def newest_release(session: Session, application_id: int, *, without: Sequence[str]) -> models.Release | None:
    """Return an application's newest release in none of the states ``without``, or None."""
    statement = select(models.Release).filter_by(application_id=application_id)
    return session.scalar(
        statement.where(models.Release.state.not_in(without)).order_by(models.Release.id.desc()).limit(1)
    )


def release_before(session: Session, release: models.Release, *, without: Sequence[str]) -> models.Release | None:
    """Return the release of the same application that was made before, in none of the states ``without``, or None."""
    earlier = select(models.Release).where(
        models.Release.application_id == release.application_id, models.Release.id < release.id
    )
    return session.scalar(
        earlier.where(models.Release.state.not_in(without)).order_by(models.Release.id.desc()).limit(1)
    )


def quarantines_of(session: Session, application_id: int) -> Sequence[models.Quarantine]:
    """Return the quarantines of an application that nobody lifted, oldest first."""
    statement = select(models.Quarantine).filter_by(application_id=application_id, lifted_at=None)
    return session.scalars(statement.order_by(models.Quarantine.id)).all()


def source_with(session: Session, key: str) -> models.Source | None:
    """Return the source of a key, or None."""
    return session.scalar(select(models.Source).filter_by(key=key).with_for_update())


def channel_named(session: Session, name: str) -> models.Channel:
    """Return the channel. Raises ``NotFound``."""
    row = find_channel(session, name)
    if row is None:
        raise NotFound(f"there is no channel {name!r}: channels are declared in an application file")
    return row


def find_channel(session: Session, name: str) -> models.Channel | None:
    """Return the channel, or None."""
    return session.scalar(select(models.Channel).filter_by(name=name))


def cluster_named(session: Session, name: str) -> models.Cluster:
    """Return the cluster. Raises ``NotFound``."""
    row = session.scalar(select(models.Cluster).filter_by(name=name).with_for_update())
    if row is None:
        raise NotFound(f"there is no cluster {name!r}: `tidegate cluster list` shows those that were added")
    return row


def published_in(session: Session, application_id: int, channel_id: int) -> models.Promotion | None:
    """Return what an application has in a channel now, or None."""
    return session.scalar(
        select(models.Promotion).filter_by(
            application_id=application_id, channel_id=channel_id, state=PromotionState.PUBLISHED
        )
    )


def all_published_in(session: Session, channel_id: int) -> Sequence[models.Promotion]:
    """Return what a channel has now, by application's name."""
    statement = (
        select(models.Promotion)
        .join(models.Application)
        .where(models.Promotion.channel_id == channel_id, models.Promotion.state == PromotionState.PUBLISHED)
    )
    return session.scalars(statement.order_by(models.Application.name)).all()


def channels_with(session: Session, application_id: int) -> Sequence[str]:
    """Return the channels that have an application now."""
    statement = select(models.Channel.name).join(models.Promotion)
    statement = statement.where(models.Promotion.application_id == application_id)
    return session.scalars(statement.where(models.Promotion.state == PromotionState.PUBLISHED)).all()


def former_in(session: Session, application_id: int, channel_id: int) -> Sequence[models.Promotion]:
    """Return every promotion of an application that was ever published in a channel."""
    statement = select(models.Promotion).filter_by(application_id=application_id, channel_id=channel_id)
    return session.scalars(statement.where(models.Promotion.generation.is_not(None))).all()


def latest_stay(session: Session, release_id: int, channel: str) -> models.Promotion | None:
    """Return the newest promotion by which a release was published in ``channel``, or None."""
    statement = (
        select(models.Promotion)
        .join(models.Channel)
        .where(models.Promotion.release_id == release_id, models.Channel.name == channel)
        .where(models.Promotion.generation.is_not(None))
    )
    return session.scalar(statement.order_by(models.Promotion.generation.desc()).limit(1))


def live_promotion(session: Session, release_id: int, channel_id: int) -> models.Promotion | None:
    """Return the promotion of a release into a channel that is open or published, or None."""
    states = (*OPEN_STATES, PromotionState.PUBLISHED)
    statement = select(models.Promotion).filter_by(release_id=release_id, channel_id=channel_id)
    return session.scalar(statement.where(models.Promotion.state.in_(states)))


def open_promotions(session: Session, **of: Any) -> Sequence[models.Promotion]:
    """Return the open promotions with these column values, locked, oldest first."""
    statement = select(models.Promotion).filter_by(**of).where(models.Promotion.state.in_(OPEN_STATES))
    return session.scalars(statement.order_by(models.Promotion.id).with_for_update()).all()


def approvals_for(session: Session, release_id: int, channel_id: int) -> Sequence[models.Approval]:
    """Return the approvals given to a release for a channel, also in earlier promotions: those since it was last turned away."""
    turned_away = _last_turned_away(session, release_id, channel_id)
    statement = select(models.Approval).join(models.Promotion).filter_by(release_id=release_id, channel_id=channel_id)
    if turned_away is not None:
        statement = statement.where(models.Promotion.id > turned_away.id)
    return session.scalars(statement.order_by(models.Approval.id)).all()


def _last_turned_away(session: Session, release_id: int, channel_id: int) -> models.Promotion | None:
    statement = select(models.Promotion).filter_by(release_id=release_id, channel_id=channel_id)
    return session.scalar(
        statement.where(models.Promotion.state.in_(TURNED_AWAY)).order_by(models.Promotion.id.desc()).limit(1)
    )


def decisions(session: Session, application_id: int) -> dict[tuple[int, int], str]:
    """Return by release and channel what was decided last: the state of the newest promotion that was published or rejected."""
    promotion = models.Promotion
    decided = or_(promotion.generation.is_not(None), promotion.state == PromotionState.REJECTED)
    statement = select(promotion.release_id, promotion.channel_id, promotion.state).filter_by(
        application_id=application_id
    )
    rows = session.execute(statement.where(decided).order_by(promotion.id))
    return {(release_id, channel_id): state for release_id, channel_id, state in rows}


def open_rollouts(session: Session, channel_id: int) -> Sequence[models.Rollout]:
    """Return a channel's rollouts that are not over, locked."""
    statement = select(models.Rollout).filter_by(channel_id=channel_id).where(models.Rollout.state.in_(OPEN_ROLLOUTS))
    return session.scalars(statement.with_for_update()).all()


def rollout_of(session: Session, channel_id: int, generation: int) -> models.Rollout | None:
    """Return the rollout of one generation, locked, or None."""
    statement = select(models.Rollout).filter_by(channel_id=channel_id, generation=generation)
    return session.scalar(statement.with_for_update())


def publication_of(session: Session, channel_id: int, generation: int) -> models.Publication | None:
    """Return one generation of a channel, or None."""
    return session.scalar(select(models.Publication).filter_by(channel_id=channel_id, generation=generation))


def clusters_of(session: Session, channel_id: int) -> Sequence[models.Cluster]:
    """Return the enrolled clusters that follow a channel."""
    statement = select(models.Cluster).filter_by(channel_id=channel_id)
    return session.scalars(statement.where(models.Cluster.enrolled_at.is_not(None))).all()


def edges_to(session: Session, release_id: int) -> Sequence[models.Edge]:
    """Return the proved upgrades to a release, oldest first."""
    return session.scalars(select(models.Edge).filter_by(to_release_id=release_id).order_by(models.Edge.id)).all()


def edge_between(session: Session, from_id: int, to_id: int) -> models.Edge | None:
    """Return the edge, or None."""
    return session.scalar(select(models.Edge).filter_by(from_release_id=from_id, to_release_id=to_id))


def run_step_at(session: Session, run_id: int, position: int) -> models.RunStep | None:
    """Return a run's step by its place in the timeline, or None."""
    return session.scalar(select(models.RunStep).filter_by(run_id=run_id, position=position))


def unused_tokens(session: Session, cluster_id: int) -> Sequence[models.JoinToken]:
    """Return a cluster's join tokens that were not used."""
    return session.scalars(select(models.JoinToken).filter_by(cluster_id=cluster_id, used_at=None)).all()


def installation_in(session: Session, cluster_id: int, application: str) -> models.Installation | None:
    """Return what a cluster last reported about an application, or None."""
    return session.scalar(select(models.Installation).filter_by(cluster_id=cluster_id, application=application))


def installations_of(session: Session, cluster_id: int) -> Sequence[models.Installation]:
    """Return everything that a cluster last reported about its applications."""
    return session.scalars(select(models.Installation).filter_by(cluster_id=cluster_id)).all()


def find_cluster(session: Session, name: str) -> models.Cluster | None:
    """Return the cluster, or None."""
    return session.scalar(select(models.Cluster).filter_by(name=name))


def find_token(session: Session, token_id: str) -> models.JoinToken | None:
    """Return the join token, locked, or None."""
    return session.scalar(select(models.JoinToken).filter_by(id=token_id).with_for_update())


def has_newer(session: Session, release: models.Release) -> bool:
    """Say whether a later release of the application was discovered: nobody waits for this one any more."""
    statement = select(models.Release.id).filter_by(application_id=release.application_id)
    return session.scalar(statement.where(models.Release.id > release.id).limit(1)) is not None


def all_channels(session: Session) -> Sequence[models.Channel]:
    """Return every channel, by name."""
    return session.scalars(select(models.Channel).order_by(models.Channel.name)).all()


def note_files(session: Session, channel_id: int, generation: int, now: datetime) -> None:
    """Note that the files say ``generation``: publications up to it, and rollouts before it, need no more writing."""
    publications = update(models.Publication).where(
        models.Publication.channel_id == channel_id,
        models.Publication.generation <= generation,
        models.Publication.files_at.is_(None),
    )
    rollouts = update(models.Rollout).where(
        models.Rollout.channel_id == channel_id,
        models.Rollout.generation < generation,
        models.Rollout.files_at.is_(None),
    )
    session.execute(publications.values(files_at=now))
    session.execute(rollouts.values(files_at=now))
