"""Executes a run in this worker: take it, start the harness, keep the lease, write each step as it comes, finish.

The harness is a process of its own; killing this worker ends it. Transactions are short; none is open while it runs.
"""

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

import structlog

from cluster_agent.contract import ApplicationManifest, digest_of
from control_plane.domain.errors import TidegateError
from control_plane.services.kept_evidence import evidence_folder
from control_plane.services.runs import (
    Assignment,
    run_finish,
    run_heartbeat,
    run_note_step,
    run_start,
)
from control_plane.store.session import SessionScope, session_scope
from control_plane.upstreams.suite_pack import unpack_suite
from test_harness import runner
from test_harness.runner import NO_LOGINS, Logins, Registries, RunReport, RunRequest, StepReport

BEATS_PER_LEASE = 3
NO_MIRRORS = Registries()
log = structlog.get_logger(__name__)


class Harness(Protocol):
    """``test_harness.runner.run``, or the like."""

    def __call__(self, request: RunRequest, *, on_event: Callable[[StepReport], None], logins: Logins) -> RunReport:
        """Rehearse; call ``on_event`` for each step as it begins and ends. ``logins`` are for its chart and images."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where and how this worker rehearses. ``evidence`` gets a folder per run; times are seconds.

    ``logins_of`` finds the accounts for what releases are made of.
    """

    name: str
    evidence: Path
    lease_seconds: float
    attempts_limit: int
    registries: Registries = NO_MIRRORS
    provider: Literal["kind", "existing"] = "kind"
    kubeconfig: str | None = None
    context: str | None = None
    logins_of: Callable[[list[ApplicationManifest]], Logins] = lambda _: NO_LOGINS


class LeaseLost(Exception):
    """The run was given up by others while it went on here: its result would not count."""


def run_execute(
    *,
    release_id: int,
    workplace: Workplace,
    clock: Callable[[], datetime],
    harness: Harness = runner.run,
    scope: SessionScope = session_scope,
) -> bool:
    """Rehearse a queued release from beginning to end. False when it was not queued, or the run was lost meanwhile."""
    with scope() as session:
        assignment = run_start(
            session, release_id=release_id, worker=workplace.name, lease_seconds=workplace.lease_seconds, now=clock()
        )
    if assignment is None:
        return False
    try:
        report = _rehearse(assignment, workplace, clock, harness, scope)
    except LeaseLost:
        log.warning("a run was lost to its lease", run=assignment.run_id)
        return False
    with scope() as session:
        return run_finish(
            session,
            run_id=assignment.run_id,
            report=report,
            report_digest=digest_of(report),
            attempts_limit=workplace.attempts_limit,
            now=clock(),
        )


def _rehearse(
    assignment: Assignment, workplace: Workplace, clock: Callable[[], datetime], harness: Harness, scope: SessionScope
) -> RunReport:
    """Run the harness while the lease is kept. What goes wrong around it is an errored report: we could not tell."""
    timeline = _Timeline(assignment.run_id, scope)
    with (
        tempfile.TemporaryDirectory(prefix="tidegate-suite-") as folder,
        _kept_lease(assignment.run_id, workplace, clock, scope) as lost,
    ):

        def note(step: StepReport) -> None:
            if lost.is_set():
                raise LeaseLost
            timeline.note(step)

        try:
            request = _request(assignment, workplace, Path(folder))
            logins = workplace.logins_of([assignment.candidate, *([assignment.base] if assignment.base else [])])
            return harness(request, on_event=note, logins=logins)
        except (OSError, TidegateError) as error:
            reason = f"the rehearsal could not be started: {error}"
            return RunReport(run_id=str(assignment.run_id), verdict="errored", reason=reason)


def _request(assignment: Assignment, workplace: Workplace, folder: Path) -> RunRequest:
    evidence = evidence_folder(workplace.evidence, assignment.run_id)
    evidence.mkdir(parents=True, exist_ok=True)
    return RunRequest(
        run_id=str(assignment.run_id),
        candidate=assignment.candidate,
        base=assignment.base,
        evidence=str(evidence),
        suite=str(unpack_suite(assignment.suite, folder)) if assignment.suite else None,
        values=assignment.values,
        registries=workplace.registries,
        provider=workplace.provider,
        kubeconfig=workplace.kubeconfig,
        context=workplace.context,
        timeout_seconds=round(assignment.timeout_seconds),
    )


class _Timeline:
    """Writes steps in the order in which they first appeared."""

    def __init__(self, run_id: int, scope: SessionScope) -> None:
        self.run_id = run_id
        self.scope = scope
        self.positions: dict[tuple[str, datetime], int] = {}

    def note(self, step: StepReport) -> None:
        """Write one step."""
        position = self.positions.setdefault((step.name, step.started_at), len(self.positions))
        with self.scope() as session:
            run_note_step(session, run_id=self.run_id, position=position, step=step)


@contextmanager
def _kept_lease(
    run_id: int, workplace: Workplace, clock: Callable[[], datetime], scope: SessionScope
) -> Iterator[threading.Event]:
    """Renew the lease from a thread; the event that is yielded is set when the run is over for others."""
    lost, done = threading.Event(), threading.Event()

    def beat() -> None:
        while not done.wait(workplace.lease_seconds / BEATS_PER_LEASE):
            try:
                with scope() as session:
                    goes_on = run_heartbeat(session, run_id=run_id, lease_seconds=workplace.lease_seconds, now=clock())
            except Exception as error:
                log.warning("heartbeat failed", run=run_id, error=str(error))
                continue
            if not goes_on:
                lost.set()
                return

    thread = threading.Thread(target=beat, name=f"lease-of-run-{run_id}", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        done.set()
        thread.join()
