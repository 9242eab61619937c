"""A cheap marker that changes whenever a page may look different."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from control_plane.store.models import AgentReport, AuditEvent, Cluster, FirstSight, Run, RunStep, Source


def change_marker(session: Session) -> str:
    """Return a text that differs after any change that pages show. One statement.

    Every transition leaves an audit event; steps of running rehearsals, agents' reports, tags that
    are seen first and places that fall silent do not.
    """
    running = select(Run.id).where(Run.verdict.is_(None)).scalar_subquery()
    parts = session.execute(
        select(
            select(func.max(AuditEvent.id)).scalar_subquery(),
            select(func.max(AgentReport.id)).scalar_subquery(),
            select(func.max(RunStep.id)).scalar_subquery(),
            select(func.count(RunStep.ended_at)).where(RunStep.run_id.in_(running)).scalar_subquery(),
            select(func.count(Source.unknown_since)).scalar_subquery(),
            select(func.max(FirstSight.id)).scalar_subquery(),
            select(func.count(Cluster.enrolled_at)).scalar_subquery(),
        )
    ).one()
    return "-".join(str(part or 0) for part in parts)
