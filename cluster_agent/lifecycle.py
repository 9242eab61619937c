"""How the remembered state changes, step by step. Pure: every function takes a state and returns the next one.

idle → staged → applying → settling → idle; or rolling_back (→ restoring) → settling_back → idle with the release marked bad.
Left the channel: idle, or → removal staged → removing → nothing settled.
Every end leaves exactly one report; reports wait here until the control plane has them.
"""

from datetime import datetime

from msgspec.structs import replace

from cluster_agent.contract import ApplicationManifest, Outcome, Report, Restored
from cluster_agent.decisions import Left, RollBack, Stage, Wanted
from cluster_agent.state import ApplicationState, Bad, Change, Failure, Removal, Settled, State

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


def put_back(change: Change, saved_at: datetime, now: datetime) -> Change:
    """Return the change after the data of ``saved_at`` was put back."""
    return replace(change, phase="settling_back", restored=True, lost=Restored(lost_from=saved_at, lost_until=now))


def told(change: Change) -> str:
    """Say why the change was taken back, and what became of the data."""
    why = change.failure.message if change.failure else "the reason was lost"
    if change.lost is not None:
        since, until = (f"{moment:%Y-%m-%d %H:%M:%S}" for moment in (change.lost.lost_from, change.lost.lost_until))
        return f"{why}; the backup was put back: what was written from {since} to {until} UTC is lost"
    if change.untouched:
        return f"{why}; nothing of {change.application.release} ever ran, so the data stayed as it is"
    return why


def timed(change: Change, step: str, seconds: float) -> Change:
    """Return the change with the time of one more step."""
    return replace(change, timings=change.timings | {step: round(change.timings.get(step, 0.0) + seconds, 3)})


def kept(state: ApplicationState, revision: int) -> ApplicationState:
    """Return the state after a change that worked."""
    change = _change(state)
    return replace(state, settled=_settled(change.application, change.generation, revision), change=None, said="")


def confirmed(state: ApplicationState, wanted: Wanted, revision: int) -> ApplicationState:
    """Return the state after a look showed that what a generation wants runs already."""
    return replace(state, settled=_settled(wanted.application, wanted.generation, revision), said="")


def _settled(application: ApplicationManifest, generation: int, revision: int) -> Settled:
    return Settled(
        generation=generation,
        release=application.release,
        release_digest=application.release_digest,
        revision=revision,
        namespace=application.namespace,
        backup=application.backup,
        timeout_seconds=application.timeout_seconds,
    )


def left(state: ApplicationState, generation: int) -> ApplicationState:
    """Return the state of an application that ``generation`` does not name."""
    return replace(state, left=generation, said="")


def removal_staged(state: ApplicationState, left: Left, now: datetime) -> ApplicationState:
    """Return the state of an application that is to go."""
    return replace(state, removal=Removal(generation=left.generation, phase="staged", started_at=now), said="")


def removed(state: ApplicationState) -> ApplicationState:
    """Return the state after it went."""
    return replace(state, settled=None, removal=None, said="")


def removal_abandoned(state: ApplicationState) -> ApplicationState:
    """Return the state of an application that stays after all. Whatever was begun to be removed is to be applied anew."""
    settled, removal = state.settled, state.removal
    if settled is not None and removal is not None and removal.phase == "removing":
        settled = replace(settled, whole=False)
    return replace(state, settled=settled, removal=None, said="")


def came_back(state: ApplicationState, revision: int) -> ApplicationState:
    """Return the state after a rollback that worked: the release is bad here, the former one runs as ``revision``."""
    settled = replace(state.settled, revision=revision, whole=True) if state.settled and revision else None
    return _marked_bad(replace(state, settled=settled), stuck=False)


def stuck(state: ApplicationState, failure: Failure) -> ApplicationState:
    """Return the state after a way back that did not work either: a person is needed, another release may still come."""
    change = _change(state)
    both = f"{told(change)}; and the way back failed: {failure.message}" if change.failure else failure.message
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
    about: Settled | None = None,
    code: str = "",
    message: str = "",
) -> State:
    """Return ``state`` with one more report waiting. Signs of life replace each other; the oldest give way when there are too many.

    It is about the release of ``change``, or of ``about``, or the one that is settled.
    """
    name = change.application.name if change else application
    known = state.applications.get(name or "")
    what = change.application if change else about or (known.settled if known else None)
    report = Report(
        sequence=state.next_sequence,
        at=now,
        channel=channel,
        generation=generation,
        outcome=outcome,
        application=name,
        release=what.release if what else None,
        release_digest=what.release_digest if what else None,
        running=known.settled.release if known and known.settled else None,
        code=code,
        message=message,
        attempt=max(change.attempts, 1) if change else 1,
        timings=change.timings if change else {},
        restored=change.lost if change else None,
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
