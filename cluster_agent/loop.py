"""The agent's one loop: ask the channel, bring every application forward, tell what happened, sleep.

What fails says by its class what happens: ``Unreachable`` keeps everything as it is, ``Untrusted`` takes nothing new and is reported once.
The control plane is never needed for what runs already.
"""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec.structs import replace

from cluster_agent import lifecycle
from cluster_agent.applying.artifacts import ChartStore
from cluster_agent.applying.helm import HelmDriver
from cluster_agent.applying.kube import Kube
from cluster_agent.backup.snapshots import Snapshots
from cluster_agent.decisions import Left, Policy, Said, TooNew, Wanted
from cluster_agent.errors import AgentError, Conflict, Unreachable, Untrusted
from cluster_agent.journal import Journal, SecondAgent
from cluster_agent.logs import log
from cluster_agent.metrics import Metrics
from cluster_agent.reporting import Reporter
from cluster_agent.trust import News, NothingPublished, TrustedChannel
from cluster_agent.worker import Worker

JITTER = 0.1
SILENCE_AFTER_REFUSAL_SECONDS = 10.0


@dataclass(slots=True)
class Around:
    """What the loop acts on."""

    kube: Kube
    helm: HelmDriver
    charts: ChartStore
    snapshots: Snapshots
    journal: Journal


class Loop:
    """One agent. ``poll_seconds`` between looks at the channel, ``report_seconds`` between signs of life."""

    def __init__(
        self,
        around: Around,
        *,
        trusted: TrustedChannel,
        reporter: Reporter,
        metrics: Metrics,
        policy: Policy,
        channel: str,
        poll_seconds: float,
        report_seconds: float,
    ) -> None:
        self._around = around
        self._trusted = trusted
        self._reporter = reporter
        self._metrics = metrics
        self._channel = channel
        self._poll_seconds = poll_seconds
        self._report_seconds = report_seconds
        self._worker = Worker(around, policy, channel, self._tell)
        self._news = trusted.current()
        self._believed = False
        self._told_at = float("-inf")
        self._deaf_until = float("-inf")

    def run_for_ever(self) -> None:
        """Loop until the process ends or the journal is lost to a second agent."""
        while True:
            try:
                self.once()
            except Unreachable as error:
                # The cluster's own API server: nothing can be seen or remembered now.
                log("round cut short", message=error.message)
            self._metrics.beat()
            time.sleep(self._poll_seconds * (1 + JITTER * (2 * random.random() - 1)))  # noqa: S311  no secret

    def once(self) -> None:
        """One round."""
        self._look()
        for name, said in self._applications().items():
            self._metrics.beat()
            self._worker.advance(name, said)
        self._tell(sign_of_life=True)

    def _look(self) -> None:
        try:
            answer = self._trusted.poll(self._channel, datetime.now(UTC))
        except Unreachable as error:
            # What was believed stays believed until it expires; the rollout's own expiry is planning's to judge.
            self._note_poll("unreachable", error)
            return
        except Conflict as error:
            raise SecondAgent("another agent writes the trusted metadata: this one stops and looks again") from error
        except Untrusted as error:
            self._believed = False
            self._note_poll("untrusted", error)
            return
        self._believed = not isinstance(answer, NothingPublished)
        if isinstance(answer, News):
            self._news = answer
            log("news", channel=self._channel, generation=answer.manifest.generation)
            self._metrics.set("tidegate_agent_generation", answer.manifest.generation)
        self._metrics.set("tidegate_agent_last_poll_timestamp_seconds", time.time())
        self._note_poll("ok", None)

    def _note_poll(self, result: str, error: AgentError | None) -> None:
        """Count, and report a change for the worse once; a good answer ends the matter."""
        self._metrics.add("tidegate_agent_polls_total", f'result="{result}"')
        state = self._around.journal.state
        said = f"{error.code}: {error.message}" if error else ""
        if said == state.channel_said:
            return
        if error is not None:
            log("channel", result=result, code=error.code, message=error.message)
        if not isinstance(error, Untrusted):
            # A control plane that is down cannot be told so; only what it must know is journalled.
            self._around.journal.save(replace(state, channel_said=said if error is None else state.channel_said))
            return
        state = lifecycle.with_report(
            replace(state, channel_said=said),
            now=datetime.now(UTC),
            channel=self._channel,
            generation=self._news.manifest.generation if self._news else 0,
            outcome="refused",
            code=f"untrusted_{error.code}",
            message=error.message,
        )
        self._around.journal.save(state)

    def _applications(self) -> dict[str, Said | None]:
        """Return by name what the channel says: of its applications, and of all that we have dealt with."""
        named = self._named()
        unnamed = self._unnamed(named)
        return {**dict.fromkeys(self._around.journal.state.applications, unnamed), **named}

    def _named(self) -> dict[str, Said]:
        """Return what the channel says of the applications that it names; nothing where it cannot be believed now."""
        if self._news is None or not self._believed:
            return {}
        manifest, rollout, skew = self._news.manifest, self._news.rollout, self._trusted.clock_skew
        found: dict[str, Said] = {
            one.name: TooNew(manifest.generation, one.release, one.needs) for one in self._news.too_new
        }
        for application in manifest.applications:
            found[application.name] = Wanted(application, manifest.channel, manifest.generation, rollout, skew)
        return found

    def _unnamed(self, named: Mapping[str, Said]) -> Left | None:
        """Return what the channel says of applications that it does not name."""
        if self._news is None or not self._believed:
            return None
        known, manifest = self._around.journal.state.applications, self._news.manifest
        is_last = not any(state.settled for name, state in known.items() if name in named)
        return Left(manifest.channel, manifest.generation, self._news.rollout, is_last, self._trusted.clock_skew)

    def _tell(self, *, sign_of_life: bool = False) -> None:
        """Send what waits; nothing waits: a sign of life when it is time. A control plane that is away is left alone for a while."""
        now = time.monotonic()
        waiting = self._around.journal.state.reports
        self._metrics.set("tidegate_agent_reports_waiting", len(waiting))
        due = sign_of_life and now - self._told_at >= self._report_seconds
        if now < self._deaf_until or not (waiting or due):
            return
        try:
            accepted = self._reporter.send(waiting)
        except Unreachable as error:
            self._deaf_until = now + SILENCE_AFTER_REFUSAL_SECONDS
            log("reports wait", reports=len(waiting), message=error.message)
            return
        self._told_at = now
        self._around.journal.save(lifecycle.accepted(self._around.journal.state, accepted))
