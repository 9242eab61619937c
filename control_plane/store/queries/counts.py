"""How much there is of each thing in each state, for monitoring: one statement, whatever the number of rows."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, String, case, cast, func, literal, select, union_all
from sqlalchemy.orm import Session

from control_plane.store.models import Cluster, Promotion, Release, Rollout, Run, Source

Count = tuple[str, str, int]
"""What is counted, its state, how many."""


def counts(session: Session, *, now: datetime, silent_after: timedelta) -> Iterable[Count]:
    """Return the counts. A cluster is ``new`` before its first contact and ``silent`` when it has not called for long."""
    contact = case(
        (Cluster.last_contact_at.is_(None), "new"),
        (Cluster.last_contact_at < now - silent_after, "silent"),
        else_="in_contact",
    )
    answers = case((Source.unknown_since.is_(None), "answers"), else_="unknown")
    parts = [
        _count("releases", Release.state, Release),
        _count("promotions", Promotion.state, Promotion),
        _count("rollouts", Rollout.state, Rollout),
        _count("rehearsals", func.coalesce(Run.verdict, "running"), Run),
        _count("clusters", contact, Cluster),
        _count("sources", answers, Source),
    ]
    return [(what, state, number) for what, state, number in session.execute(union_all(*parts))]


def _count(what: str, state: Any, model: Any) -> Select[str, str, int]:
    label = cast(state, String).label("state")
    return select(literal(what).label("what"), label, func.count().label("number")).select_from(model).group_by(label)
