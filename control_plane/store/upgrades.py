"""Which upgrades promotions ask their channels for, and which runs proved them: two statements, however many promotions."""

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from control_plane.domain.promotions import PromotionState
from control_plane.domain.upgrades import Upgrade
from control_plane.store.models import Edge, Promotion, Release


def upgrades_of(session: Session, promotions: Iterable[Promotion]) -> dict[int, Upgrade]:
    """Return the upgrade of each promotion, by its id; none where the channel has nothing of the application, or this very release."""
    asked = list(promotions)
    if not asked:
        return {}
    present, proved = _present(session, asked), _proved(session, asked)
    return {
        promotion.id: _upgrade(promotion, *there, proved[promotion.release_id])
        for promotion in asked
        if (there := present.get((promotion.application_id, promotion.channel_id))) and there[0] != promotion.release_id
    }


def _upgrade(promotion: Promotion, release_id: int, version: str, proved: dict[int, tuple[str, str, int]]) -> Upgrade:
    _, contract, run = proved.get(release_id, (None, None, None))
    return Upgrade(
        before=version,
        after=promotion.release.version,
        contract=contract,
        run=run,
        rehearsed_from=tuple(base for base, _, _ in proved.values()),
    )


def _present(session: Session, promotions: list[Promotion]) -> dict[tuple[int, int], tuple[int, str]]:
    """Return what is published, as id and version, by application and channel."""
    statement = (
        select(Promotion.application_id, Promotion.channel_id, Promotion.release_id, Release.version)
        .join(Release, Release.id == Promotion.release_id)
        .where(
            Promotion.state == PromotionState.PUBLISHED,
            Promotion.application_id.in_({one.application_id for one in promotions}),
        )
    )
    return {(row.application_id, row.channel_id): (row.release_id, row.version) for row in session.execute(statement)}


def _proved(session: Session, promotions: list[Promotion]) -> defaultdict[int, dict[int, tuple[str, str, int]]]:
    """Return the proved upgrades to each release: version, contract and run, by the release that they start from."""
    statement = (
        select(Edge.to_release_id, Edge.from_release_id, Release.version, Edge.contract, Edge.run_id)
        .join(Release, Release.id == Edge.from_release_id)
        .where(Edge.to_release_id.in_({one.release_id for one in promotions}))
        .order_by(Edge.id)
    )
    found: defaultdict[int, dict[int, tuple[str, str, int]]] = defaultdict(dict)
    for row in session.execute(statement):
        found[row.to_release_id][row.from_release_id] = (row.version, row.contract, row.run_id)
    return found
