"""How the remembered state changes, step by step. Pure: every function takes a state and returns the next one.

idle → staged → applying → settling → idle; or rolling_back (→ restoring) → settling_back → idle with the release marked bad.
Every end leaves exactly one report; reports wait here until the control plane has them.
"""

from datetime import datetime

from msgspec.structs import replace

from cluster_agent.contract import Outcome, Report
from cluster_agent.planning import RollBack, Stage, Wanted
from cluster_agent.state import ApplicationState, Bad, Change, Failure, Settled, State

REPORTS_KEPT = 200
BAD_KEPT = 20


def staged(action: Stage, wanted: Wanted, now: datetime) -> Change:
    """Return the change that begins."""
    return Change(
        application=wanted.application,
        generation=wanted.generation,
        phase="staged",
        started_at=now,
        contract=action.contract,
        base=action.base,
        back_to=action.back_to,
        back_release=action.back_release,
    )


def applying(change: Change) -> Change:
    """Return the change as it is about to be applied."""
    return replace(change, phase="applying", attempts=change.attempts + 1)


def rolling_back(change: Change, action: RollBack) -> Change:
    """Return the change on its way back; the first failure stays the reason."""
    return replace(change, phase="rolling_back", failure=change.failure or action.failure)


def failed(change: Change, failure: Failure) -> Change:
    """Return the change after a step that did not work: the next step is the way back."""
    return replace(change, phase="rolling_back", failure=change.failure or failure)


def timed(change: Change, step: str, seconds: float) -> Change:
    """Return the change with the time of one more step."""
    return replace(change, timings=change.timings | {step: round(change.timings.get(step, 0.0) + seconds, 3)})


def kept(state: ApplicationState, revision: int) -> ApplicationState:
    """Return the state after a change that worked."""
    change = _change(state)
    settled = Settled(
        generation=change.generation,
        release=change.application.release,
        release_digest=change.application.release_digest,
        revision=revision,
    )
    return replace(state, settled=settled, change=None, said="")


def came_back(state: ApplicationState, revision: int) -> ApplicationState:
    """Return the state after a rollback that worked: the release is bad here, the former one runs as ``revision``."""
    settled = replace(state.settled, revision=revision) if state.settled and revision else None
    return _marked_bad(replace(state, settled=settled), stuck=False)


def stuck(state: ApplicationState, failure: Failure) -> ApplicationState:
    """Return the state after a way back that did not work either: a person is needed, another release may still come."""
    change = _change(state)
    both = (
        f"{change.failure.message}; and the way back failed: {failure.message}" if change.failure else failure.message
    )
    worse = replace(change, failure=Failure(code=failure.code, message=both))
    return _marked_bad(replace(state, change=worse), stuck=True)


def _marked_bad(state: ApplicationState, *, stuck: bool) -> ApplicationState:
    change = _change(state)
    digest = change.application.release_digest
    known = state.bad.get(digest)
    bad = Bad(
        generation=change.generation,
        release=change.application.release,
        failure=change.failure or Failure(code="unknown", message="the reason was lost"),
        attempts=known.attempts + 1 if known else 1,
        stuck=stuck,
    )
    newest = dict([*((key, one) for key, one in state.bad.items() if key != digest), (digest, bad)][-BAD_KEPT:])
    return replace(state, change=None, bad=newest, said="")


def _change(state: ApplicationState) -> Change:
    if state.change is None:
        raise ValueError("no change is in the works")
    return state.change


def with_application(state: State, name: str, application: ApplicationState) -> State:
    """Return ``state`` with one application replaced."""
    return replace(state, applications=state.applications | {name: application})


def with_report(
    state: State,
    *,
    now: datetime,
    channel: str,
    generation: int,
    outcome: Outcome,
    change: Change | None = None,
    application: str | None = None,
    code: str = "",
    message: str = "",
) -> State:
    """Return ``state`` with one more report waiting. Signs of life replace each other; the oldest give way when there are too many."""
    name = change.application.name if change else application
    known = state.applications.get(name or "")
    report = Report(
        sequence=state.next_sequence,
        at=now,
        channel=channel,
        generation=generation,
        outcome=outcome,
        application=name,
        release=change.application.release if change else _release(known),
        release_digest=change.application.release_digest if change else _digest(known),
        running=_release(known),
        code=code,
        message=message,
        attempt=max(change.attempts, 1) if change else 1,
        timings=change.timings if change else {},
    )
    older = [one for one in state.reports if outcome != "observed" or not _same_sign(one, report)]
    waiting = (*older, report)[-REPORTS_KEPT:]
    return replace(state, reports=waiting, next_sequence=state.next_sequence + 1)


def accepted(state: State, sequence: int) -> State:
    """Return ``state`` without the reports that the control plane has.

    A number beyond ours means that this journal is younger than the control plane's memory: what waits is numbered anew.
    """
    if sequence >= state.next_sequence:
        anew = tuple(replace(report, sequence=sequence + 1 + index) for index, report in enumerate(state.reports))
        return replace(state, reports=anew, next_sequence=sequence + 1 + len(anew))
    return replace(state, reports=tuple(report for report in state.reports if report.sequence > sequence))


def _same_sign(old: Report, new: Report) -> bool:
    return old.outcome == "observed" and (old.application, old.code) == (new.application, new.code)


def _release(state: ApplicationState | None) -> str | None:
    return state.settled.release if state and state.settled else None


def _digest(state: ApplicationState | None) -> str | None:
    return state.settled.release_digest if state and state.settled else None
