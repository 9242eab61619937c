"""The tasks: one line of translation each. Any of them may run twice, late or not at all: the rows decide.

A row that is gone or has moved on meanwhile (``NotFound``, ``Refused``) ends a task quietly. Any other error is logged with its
trace by Celery; the row is unchanged, so the sweeper finds it again.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps

import structlog
from celery import shared_task

from control_plane.domain.errors import NotFound, Refused, Transient
from control_plane.services import (
    accounts,
    channel_files,
    choosing,
    first_seen,
    kept_charts,
    kept_evidence,
    promotions,
    publications,
    rehearsals,
    releases,
    resolving,
    rollouts,
    runs,
)
from control_plane.services.outside import keeper_of, repository_of, storage_of, workplace_of
from control_plane.services.reading import account_owner, shared_accounts, shared_reader
from control_plane.settings import get_settings
from control_plane.store import work
from control_plane.store.clock import future_forgotten
from control_plane.store.session import read_scope, session_scope
from control_plane.tasks.looker import shared_looker
from control_plane.tasks.nudges import send
from control_plane.tasks.sweeping import Recent

log = structlog.get_logger(__name__)
recent = Recent()


def clock() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def step(function: Callable[[int], object]) -> Callable[[int], None]:
    """Make ``function`` the task ``tidegate.<its name>``."""

    @shared_task(name=f"tidegate.{function.__name__}")  # type: ignore[untyped-decorator]  # celery has no types
    @wraps(function)
    def task(row_id: int) -> None:
        try:
            function(row_id)
        except (NotFound, Refused) as error:
            log.info("nothing to do any more", task=function.__name__, id=row_id, reason=error.message)
        except Transient as error:  # the sweeper finds what is still to be done
            log.warning("not possible now, tried again", task=function.__name__, id=row_id, reason=error.message)

    return task  # type: ignore[no-any-return]


def scheduled(function: Callable[[], object]) -> Callable[[], None]:
    """Make ``function`` the task ``tidegate.<its name>`` that beat sends again and again."""

    @shared_task(name=f"tidegate.{function.__name__}")  # type: ignore[untyped-decorator]  # celery has no types
    @wraps(function)
    def task() -> None:
        try:
            function()
        except (Refused, Transient) as error:
            log.warning("not possible now, tried again", task=function.__name__, reason=error.message)

    return task  # type: ignore[no-any-return]


@step
def source_look(row_id: int) -> None:
    """Let this process's looker look at a source that is due: it reads with threads of its own."""
    shared_looker().wake(row_id)


@step
def logs_check(row_id: int) -> None:
    """Check all first-seen logs."""
    first_seen.logs_check(check_id=row_id, anchors=first_seen.Anchors(get_settings().anchors_file), clock=clock)


@step
def application_choose(row_id: int) -> None:
    """Weigh an application's tags."""
    choosing.application_choose(application_id=row_id, reader=shared_reader(), clock=clock)


@step
def release_resolve(row_id: int) -> None:
    """Pin every digest of a discovered release."""
    keep = keeper_of(get_settings())
    resolving.release_resolve(release_id=row_id, reader=shared_reader(), clock=clock, keep=keep)


@step
def chart_restore(row_id: int) -> None:
    """Put the chart of a release back where it is kept."""
    kept_charts.chart_restore(
        release_id=row_id, storage=storage_of(get_settings()), reader=shared_reader(), clock=clock
    )


@step
def release_rehearse(row_id: int) -> None:
    """Rehearse a queued release, and make room where its evidence went."""
    settings = get_settings()
    workplace = workplace_of(settings, shared_accounts())
    rehearsals.run_execute(release_id=row_id, workplace=workplace, clock=clock)
    keep = timedelta(days=settings.evidence_days)
    kept_evidence.evidence_prune(root=workplace.evidence, keep=keep, clock=clock)


@step
def release_retry(row_id: int) -> None:
    """Queue an errored release again."""
    with session_scope() as session:
        releases.release_retry(session, release_id=row_id, now=clock())


@step
def run_expire(row_id: int) -> None:
    """End a run whose worker was lost."""
    with session_scope() as session:
        limit = get_settings().rehearsal_attempts
        runs.run_expire(session, run_id=row_id, attempts_limit=limit, now=clock())


@step
def promotion_advance(row_id: int) -> None:
    """Move an open promotion to where its guards put it."""
    with session_scope() as session:
        promotions.promotion_advance(session, promotion_id=row_id, now=clock())


@step
def promotion_publish(row_id: int) -> None:
    """Publish an approved promotion."""
    with session_scope() as session:
        publications.promotion_publish(session, promotion_id=row_id, now=clock())


@step
def channel_write_files(row_id: int) -> None:
    """Write the signed files of a channel."""
    channel_files.channel_write_files(channel_id=row_id, repository=repository_of(get_settings()), clock=clock)


@scheduled
def sweep() -> None:
    """Find work that lost its message, and send it."""
    with read_scope() as session:
        found = work.waiting(session, clock())
    for nudge in recent.fresh(found, clock()):
        send(nudge)


@scheduled
def review() -> None:
    """Complete rollouts that nobody reports about any more: a cluster may have fallen silent. Notice a clock that was ahead."""
    with session_scope() as session:
        if ahead := future_forgotten(session, clock()):
            log.warning(
                "the clock was ahead and is right again: what it had put off is due", seconds=int(ahead.total_seconds())
            )
    with read_scope() as session:
        ids = work.rolling_rollouts(session)
    for rollout_id in ids:
        with session_scope() as session:
            limit = get_settings().silent_after_seconds
            rollouts.rollout_review(session, rollout_id=rollout_id, now=clock(), silent_after_seconds=limit)


@scheduled
def renew() -> None:
    """Sign again what nears its expiry."""
    written = channel_files.channels_renew(repository=repository_of(get_settings()), clock=clock)
    if written:
        log.info("signed again", roles=written)


@shared_task(name="tidegate.charts")  # type: ignore[untyped-decorator]  # celery has no types
def charts() -> None:
    """Put back kept charts that were lost, and remove those that nobody needs."""
    restored, removed = kept_charts.charts_look_after(
        storage=storage_of(get_settings()), reader=shared_reader(), clock=clock
    )
    if restored or removed:
        log.info("kept charts", restored=restored, removed=removed)


@shared_task(name="tidegate.reassign")  # type: ignore[untyped-decorator]  # celery has no types
def reassign() -> None:
    """Let places be read with the accounts that count now: files of accounts change without telling anybody."""
    changed = accounts.places_reassign(owner_of=account_owner, now=clock())
    if changed:
        log.info("places are read with other accounts now", applications=changed)


@scheduled
def check() -> None:
    """Have the first-seen logs checked once an hour."""
    with session_scope() as session:
        first_seen.check_by_clock(session, now=clock())
