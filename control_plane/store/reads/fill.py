"""How a model becomes a row: fields of the same name are copied, the rest is given."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from control_plane.domain.promotions import OPEN_STATES
from control_plane.domain.upgrades import Upgrade
from control_plane.store.base import Base
from control_plane.store.models import Promotion, Release, Run, RunStep
from control_plane.store.reads.rows import PromotionRow, ReleaseRow, Row, RunRow, StepRow, UpgradeRow
from control_plane.store.upgrades import upgrades_of

R = TypeVar("R", bound=Row)


def fill(kind: type[R], model: Base | Upgrade, **given: Any) -> R:
    """Return a ``kind`` with what ``model`` has under the same names, and what is ``given``."""
    names = (name for name in kind.__struct_fields__ if name not in given)
    return kind(**{name: getattr(model, name) for name in names}, **given)


def release_row(release: Release) -> ReleaseRow:
    """Return the release's line."""
    return fill(ReleaseRow, release, application=release.application.name)


def promotion_rows(session: Session, promotions: Sequence[Promotion]) -> list[PromotionRow]:
    """Return the promotions' lines; those that are open with the upgrade that they ask for."""
    upgrades = upgrades_of(session, (one for one in promotions if one.state in OPEN_STATES))
    return [_promotion_row(promotion, upgrades.get(promotion.id)) for promotion in promotions]


def _promotion_row(promotion: Promotion, upgrade: Upgrade | None) -> PromotionRow:
    given = [one.actor for one in promotion.approvals if one.revoked_at is None]
    return fill(
        PromotionRow,
        promotion,
        application=promotion.application.name,
        version=promotion.release.version,
        channel=promotion.channel.name,
        approvals=given,
        upgrade=upgrade_row(upgrade) if upgrade else None,
    )


def upgrade_row(upgrade: Upgrade) -> UpgradeRow:
    """Return the upgrade for the API."""
    return fill(UpgradeRow, upgrade, rehearsed_from=list(upgrade.rehearsed_from))


def run_row(run: Run) -> RunRow:
    """Return the run with its steps."""
    base = run.base_release.version if run.base_release else None
    return fill(RunRow, run, base=base, steps=[_step_row(step) for step in run.steps])


def _step_row(step: RunStep) -> StepRow:
    return fill(StepRow, step)
