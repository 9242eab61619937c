"""Doing what was planned for one application: intent into the journal, one action, result into the journal, observe again.

``leaver`` does it for applications that left their channel.

An action that says nothing about the release (``Unreachable``, ``Conflict``, a full disk) leaves everything as it is, for later.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from msgspec.structs import replace

from cluster_agent import decisions, lifecycle, planning
from cluster_agent.applying import change as changes
from cluster_agent.applying import footprint, releases
from cluster_agent.applying.artifacts import ChartStore
from cluster_agent.applying.helm import HelmDriver
from cluster_agent.applying.kube import Denied, Kube
from cluster_agent.applying.revisions import Revision
from cluster_agent.backup.snapshots import Snapshots
from cluster_agent.books import Books
from cluster_agent.decisions import Policy, Said, Wanted
from cluster_agent.errors import AgentError, ChangeFailed, Conflict, Unreachable, Untrusted
from cluster_agent.journal import Journal
from cluster_agent.leaver import Leaver
from cluster_agent.logs import log
from cluster_agent.state import Change, Failure

BACKOFF_SECONDS = 30.0


class Surroundings(Protocol):
    """What a worker acts on."""

    kube: Kube
    helm: HelmDriver
    charts: ChartStore
    snapshots: Snapshots
    journal: Journal


class Worker:
    """One application at a time. ``told`` is called when something worth sending at once was added to the journal."""

    def __init__(self, around: Surroundings, policy: Policy, channel: str, told: Callable[[], None]) -> None:
        self._around = around
        self._policy = policy
        self._told = told
        self._books = Books(around.journal, channel)
        self._leaver = Leaver(around, self._books)
        self._not_before: dict[str, float] = {}  # monotonic: the clock may be set

    def advance(self, name: str, said: Said | None) -> decisions.Action:
        """Bring ``name`` as far as it goes now; return the action at which it rests. Raises what the journal raises."""
        while True:
            if time.monotonic() < self._not_before.get(name, 0.0):
                return decisions.Wait("retry", "waiting before the next try")
            try:
                action = self._plan(name, said)
                if isinstance(action, decisions.Rest | decisions.Wait):
                    self._say(name, said, action)
                    return action
                self._act(name, said, action)
            except (Unreachable, Conflict, Untrusted) as error:
                self._later(name, said, error)
            except OSError as error:
                words = f"{error}: free some space in the agent's data directory, then it goes on by itself"
                self._later(name, said, Unreachable(words, code="data_dir"))

    def _plan(self, name: str, said: Said | None) -> decisions.Action:
        state = self._books.state(name)
        namespace = planning.namespace_of(said, state)
        served = namespace in self._policy.namespaces
        return planning.plan(
            name=name,
            said=said,
            revisions=self._revisions(name, namespace) if served else (),
            state=state,
            policy=self._policy,
            now=datetime.now(UTC),
        )

    def _revisions(self, name: str, namespace: str) -> Sequence[Revision]:
        try:
            return releases.history(self._around.kube, namespace, name)
        except Denied as error:
            raise Unreachable(f"no right to read namespace {namespace}: {error.message}", code="forbidden") from error

    def _act(self, name: str, said: Said | None, action: decisions.Changing | decisions.Leaving) -> None:
        log("step", application=name, action=type(action).__name__)
        if isinstance(action, decisions.Leaving):
            self._leaver.act(name, said, action)
        else:
            self._change(name, said, action)

    def _change(self, name: str, said: Said | None, action: decisions.Changing) -> None:
        match action:
            case decisions.Stage() if isinstance(said, Wanted):
                self._stage(name, said, action)
            case decisions.Abandon():
                self._books.save(name, replace(self._books.state(name), change=None))
            case decisions.Confirm() if isinstance(said, Wanted):
                self._confirm(name, said, action)
            case decisions.BackUp():
                self._back_up(name)
            case decisions.Apply():
                self._apply(name)
            case decisions.Settle():
                self._settle(name, action)
            case decisions.RollBack():
                self._roll_back(name, action)
            case decisions.Restore():
                self._restore(name)
            case decisions.SettleBack():
                self._settle_back(name, action)

    def _stage(self, name: str, wanted: Wanted, action: decisions.Stage) -> None:
        began = time.monotonic()
        self._around.charts.chart(wanted.application.artifact)
        change = lifecycle.staged(action, wanted, datetime.now(UTC))
        self._books.save(
            name, replace(self._books.state(name), change=lifecycle.timed(change, "fetch", time.monotonic() - began))
        )

    def _confirm(self, name: str, wanted: Wanted, action: decisions.Confirm) -> None:
        words = changes.unhealthy(self._around.kube, wanted.application.namespace, name, action.revision)
        if words:
            raise Unreachable(f"{name} is not healthy now: {words}", code="unhealthy")
        confirmed = lifecycle.confirmed(self._books.state(name), wanted, action.revision)
        self._books.save(name, confirmed, outcome="healthy", generation=wanted.generation)

    def _back_up(self, name: str) -> None:
        change, began = self._books.change(name), time.monotonic()
        snapshot_id = f"{change.generation}-{change.application.release}-{change.started_at:%Y%m%d%H%M%S}"
        try:
            self._around.snapshots.back_up(
                self._around.kube,
                name,
                change.application.namespace,
                change.application.backup,
                snapshot_id,
                release=change.back_release,
                now=datetime.now(UTC),
            )
        except (ChangeFailed, Denied) as error:
            # Nothing was touched: an upgrade that cannot be undone safely waits until its backup works.
            raise Untrusted("backup_failed", error.message) from error
        saved = replace(change, snapshot=snapshot_id)
        self._books.save_change(name, lifecycle.timed(saved, "backup", time.monotonic() - began))

    def _apply(self, name: str) -> None:
        application = self._books.change(name).application
        chart = self._around.charts.chart(application.artifact)
        change = lifecycle.applying(self._books.change(name))
        self._books.save_change(name, change, outcome="applying")
        self._told()
        words = f"Tidegate: {application.release}, {self._books.channel} generation {change.generation}"
        began = time.monotonic()
        try:
            revision = changes.apply_release(
                self._around.helm, self._around.kube, application, chart, description=words
            )
        except (ChangeFailed, Denied) as error:
            self._failed(name, change, "apply", began, error)
            return
        except (Unreachable, Conflict, OSError) as error:
            self._not_tried(name, change, error)
            raise
        settling = replace(change, phase="settling", revision=revision)
        self._books.save_change(name, lifecycle.timed(settling, "apply", time.monotonic() - began))

    def _not_tried(self, name: str, change: Change, error: Exception) -> None:
        """Give the attempt back: trouble around it says nothing about the release. A Helm that was killed may be killed again."""
        if not (isinstance(error, Unreachable) and error.code == "helm_killed"):
            self._books.save_change(name, replace(change, attempts=change.attempts - 1))

    def _settle(self, name: str, action: decisions.Settle) -> None:
        change, began = self._books.change(name), time.monotonic()
        application = change.application
        limit = float(application.timeout_seconds)
        try:
            changes.settle(self._around.kube, application.namespace, name, action.revision, timeout=limit)
        except (ChangeFailed, Denied) as error:
            self._failed(name, change, "settle", began, error)
            return
        done = lifecycle.timed(change, "settle", time.monotonic() - began)
        self._books.save(name, lifecycle.kept(self._books.state(name), action.revision), outcome="healthy", change=done)

    def _roll_back(self, name: str, action: decisions.RollBack) -> None:
        change, began = lifecycle.rolling_back(self._books.change(name), action), time.monotonic()
        self._books.save_change(name, change)
        application, kube = change.application, self._around.kube
        quiet = self._look(name, change)
        try:
            changes.roll_back(
                self._around.helm,
                kube,
                application.namespace,
                name,
                to=action.to,
                base=change.base,
                timeout=float(application.timeout_seconds),
            )
        except (ChangeFailed, Denied) as error:
            self._no_way_back(name, change, error)
            return
        untouched = quiet is not None and footprint.after_way_back(kube, application.namespace, quiet)
        done = replace(change, untouched=untouched)
        self._books.save_change(name, lifecycle.timed(done, "rollback", time.monotonic() - began))

    def _look(self, name: str, change: Change) -> footprint.Quiet | None:
        """Return what tells, together with a second look, that nothing of the release ran; None: it ran, or may have."""
        if not planning.may_be_untouched(change, datetime.now(UTC)):
            return None
        return footprint.before_way_back(self._around.kube, change.application.namespace, name, base=change.base)

    def _restore(self, name: str) -> None:
        change, began = replace(self._books.change(name), phase="restoring"), time.monotonic()
        self._books.save_change(name, change)
        try:
            saved = self._around.snapshots.saved(name, change.snapshot)
            self._around.snapshots.restore(self._around.kube, saved)
        except (ChangeFailed, Denied) as error:
            self._end_stuck(name, change, error)
            return
        restored = lifecycle.put_back(change, saved.taken_at, datetime.now(UTC))
        self._books.save_change(name, lifecycle.timed(restored, "restore", time.monotonic() - began))

    def _settle_back(self, name: str, action: decisions.SettleBack) -> None:
        change, began = replace(self._books.change(name), phase="settling_back"), time.monotonic()
        self._books.save_change(name, change)
        application = change.application
        limit = float(application.timeout_seconds)
        try:
            if action.revision:
                changes.settle(self._around.kube, application.namespace, name, action.revision, timeout=limit)
        except (ChangeFailed, Denied) as error:
            self._no_way_back(name, change, error)
            return
        done = lifecycle.timed(change, "settle_back", time.monotonic() - began)
        came_back = lifecycle.came_back(self._books.state(name), action.revision)
        self._books.save(name, came_back, outcome="rolled_back", change=done, message=lifecycle.told(done))

    def _failed(self, name: str, change: Change, step: str, began: float, error: AgentError) -> None:
        log("change failed", application=name, code=error.code, message=error.message)
        failure = Failure(code=error.code, message=error.message)
        self._books.save_change(
            name, lifecycle.timed(lifecycle.failed(change, failure), step, time.monotonic() - began)
        )

    def _no_way_back(self, name: str, change: Change, error: AgentError) -> None:
        """The former release does not run: with saved data there is one more way, else a person is needed."""
        if planning.may_restore(change):
            self._books.save_change(name, replace(change, phase="restoring"))
        else:
            self._end_stuck(name, change, error)

    def _end_stuck(self, name: str, change: Change, error: AgentError) -> None:
        failure = Failure(code=error.code, message=error.message)
        state = lifecycle.stuck(replace(self._books.state(name), change=change), failure)
        self._books.save(name, state, outcome="failed", change=change)

    def _say(self, name: str, said: Said | None, action: decisions.Rest | decisions.Wait) -> None:
        """Report a reason for waiting once. Why a release is bad was reported when it happened."""
        if isinstance(action, decisions.Rest) or said is None or action.code in {"known_bad", "retry"}:
            return
        if self._books.say_once(
            name,
            outcome="refused" if action.forbidden else "observed",
            generation=said.generation,
            code=action.code,
            message=action.reason,
        ):
            log("waits", application=name, code=action.code, reason=action.reason)

    def _later(self, name: str, said: Said | None, error: AgentError) -> None:
        seconds = error.retry_after if isinstance(error, Unreachable) else BACKOFF_SECONDS
        self._not_before[name] = time.monotonic() + seconds
        log("will try again", application=name, code=error.code, message=error.message, seconds=seconds)
        if said is not None:
            self._books.say_once(
                name,
                outcome="refused" if isinstance(error, Untrusted) else "observed",
                generation=said.generation,
                code=error.code,
                message=error.message,
            )
