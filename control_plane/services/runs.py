"""Use cases of runs: start, heartbeat, note a step, finish, expire. Who executes them is ``services.rehearsals``.

A run belongs to the worker that renews its lease. A worker that is lost makes the run ``errored``: nothing was learned about
the release. Whoever comes late with a result finds the run over and changes nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from cluster_agent.contract import ApplicationManifest
from control_plane.domain.channels import first_channels
from control_plane.domain.releases import RELEASE, ReleaseState
from control_plane.domain.retries import is_free, next_rehearsal
from control_plane.services import audit
from control_plane.services.declarations import declaration_of
from control_plane.services.promotions import promotions_follow
from control_plane.store import lookups
from control_plane.store.models import Edge, Release, Run, RunStep, SuiteArchive
from control_plane.store.session import Session
from test_harness.runner import RunReport, StepReport, Verdict

STATE_AFTER: dict[Verdict, ReleaseState] = {
    "passed": ReleaseState.VERIFIED,
    "failed": ReleaseState.FAILED,
    "errored": ReleaseState.ERRORED,
}


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a worker has to rehearse. ``suite`` is the packed archive of the suite's folder."""

    run_id: int
    candidate: ApplicationManifest
    base: ApplicationManifest | None
    suite: bytes | None
    values: dict[str, object]
    timeout_seconds: float


def run_start(
    session: Session, *, release_id: int, worker: str, lease_seconds: float, now: datetime
) -> Assignment | None:
    """Take a queued release for a worker; None when it is not queued (any more)."""
    release = lookups.take(session, Release, release_id)
    if release.state != ReleaseState.QUEUED:
        return None
    base = _base_of(session, release)
    run = Run(
        release=release,
        base_release=base,
        started_at=now,
        lease_until=now + timedelta(seconds=lease_seconds),
        worker=worker,
        contract="unknown",
        evidence=[],
    )
    lookups.add(session, run)
    release.attempts += 1
    why = f"{worker} rehearses it" + (f" as an upgrade from {base.version}" if base else " as a first installation")
    audit.transition(
        session, release, ReleaseState.TESTING, RELEASE, actor=audit.SYSTEM, now=now, reason=why, run=run.id
    )
    return _assignment(session, release, base, run)


def run_heartbeat(session: Session, *, run_id: int, lease_seconds: float, now: datetime) -> bool:
    """Renew the lease of a run that goes on; False when the run is over and its worker should stop."""
    run = lookups.take(session, Run, run_id)
    if run.verdict is not None:
        return False
    run.lease_until = now + timedelta(seconds=lease_seconds)
    return True


def run_note_step(session: Session, *, run_id: int, position: int, step: StepReport) -> None:
    """Write a step of the timeline as it begins and again as it ends."""
    row = lookups.run_step_at(session, run_id, position) or RunStep(run_id=run_id, position=position)
    row.name, row.title, row.state, row.message = step.name, step.title, step.state, step.message
    row.started_at, row.ended_at = step.started_at, step.ended_at
    session.add(row)


def run_finish(
    session: Session, *, run_id: int, report: RunReport, report_digest: str | None, attempts_limit: int, now: datetime
) -> bool:
    """Write the verdict and what follows for the release. False when the run was over already."""
    run = session.get(Run, run_id)
    if run is None:
        return False
    release = lookups.take(session, Release, run.release_id)  # always before its runs
    run = lookups.take(session, Run, run_id)
    if run.verdict is not None:
        return False
    run.verdict, run.reason, run.ended_at, run.lease_until = report.verdict, report.reason, now, None
    run.contract, run.kubernetes, run.report_digest = report.contract, report.kubernetes, report_digest
    run.evidence = msgspec.to_builtins(report.evidence)
    _end_steps(run, now)
    if report.verdict == "passed":
        _note_edge(session, run)
    _settle(session, release, run, attempts_limit, now)
    return True


def run_expire(session: Session, *, run_id: int, attempts_limit: int, now: datetime) -> bool:
    """End a run whose worker did not renew its lease. Says whether it did."""
    run = session.get(Run, run_id)
    if run is None or run.verdict is not None or not is_free(run.lease_until, now):
        return False
    reason = f"its worker {run.worker} was lost: nothing is known about the release"
    lost = RunReport(run_id=str(run_id), verdict="errored", reason=reason)
    return run_finish(session, run_id=run_id, report=lost, report_digest=None, attempts_limit=attempts_limit, now=now)


def _base_of(session: Session, release: Release) -> Release | None:
    """Return what the application's first channel has now; None for a first release, and for the same release again."""
    for rule in first_channels(declaration_of(release.application).channels)[:1]:
        channel = lookups.find_channel(session, rule.name)
        published = lookups.published_in(session, release.application_id, channel.id) if channel else None
        if published is not None and published.release_id != release.id:
            return published.release
    return None


def _assignment(session: Session, release: Release, base: Release | None, run: Run) -> Assignment:
    rehearsal = declaration_of(release.application).rehearsal
    archive = session.get(SuiteArchive, release.suite_digest) if release.suite_digest else None
    return Assignment(
        run_id=run.id,
        candidate=msgspec.convert(release.manifest, ApplicationManifest),
        base=msgspec.convert(base.manifest, ApplicationManifest) if base else None,
        suite=archive.content if archive else None,
        values=rehearsal.values,
        timeout_seconds=rehearsal.timeout_seconds,
    )


def _end_steps(run: Run, now: datetime) -> None:
    for step in run.steps:
        if step.state == "running":
            step.state, step.ended_at = "errored", now


def _note_edge(session: Session, run: Run) -> None:
    if run.base_release_id is None:
        return
    edge = lookups.edge_between(session, run.base_release_id, run.release_id)
    if edge is None:
        edge = Edge(from_release_id=run.base_release_id, to_release_id=run.release_id)
        session.add(edge)
    edge.contract, edge.run_id = run.contract, run.id


def _settle(session: Session, release: Release, run: Run, attempts_limit: int, now: datetime) -> None:
    """Move the release to what its run says; a verified one is proposed, an errored one gets its next attempt's time."""
    target = STATE_AFTER[run.verdict]  # type: ignore[index]  # just written from a RunReport
    audit.transition(session, release, target, RELEASE, actor=audit.SYSTEM, now=now, reason=run.reason, run=run.id)
    if target is ReleaseState.VERIFIED:
        session.flush()
        promotions_follow(session, release=release, after=None, now=now)
    elif target is ReleaseState.ERRORED and not lookups.has_newer(session, release):
        release.retry_at = next_rehearsal(now, attempts=release.attempts, limit=attempts_limit)
