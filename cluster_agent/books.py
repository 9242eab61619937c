"""What the agent knows of each application, and the one way of writing it down: state and the report that goes with it, in one step."""

from datetime import UTC, datetime

from msgspec.structs import replace

from cluster_agent import lifecycle
from cluster_agent.contract import Outcome
from cluster_agent.journal import Journal
from cluster_agent.state import ApplicationState, Change, Settled


class Books:
    """The journal's applications, as those of one ``channel``. Everything that writes raises what the journal raises."""

    def __init__(self, journal: Journal, channel: str) -> None:
        self._journal = journal
        self.channel = channel

    def state(self, name: str) -> ApplicationState:
        """Return what is known of an application."""
        return self._journal.state.applications.get(name, ApplicationState())

    def change(self, name: str) -> Change:
        """Return the change that is in the works."""
        change = self.state(name).change
        if change is None:
            raise ValueError(f"no change of {name} is in the works")
        return change

    def save_change(self, name: str, change: Change, outcome: Outcome | None = None) -> None:
        """Write down where the change stands; with ``outcome`` a report of it."""
        self.save(name, replace(self.state(name), change=change), outcome=outcome, change=change)

    def say_once(self, name: str, *, outcome: Outcome, generation: int, code: str, message: str) -> bool:
        """Report something, unless it was the last thing said. Says whether it was new."""
        state, said = self.state(name), f"{generation} {code}"
        if state.said == said:
            return False
        changed = replace(state, said=said)
        self.save(name, changed, outcome=outcome, generation=generation, code=code, message=message)
        return True

    def save(
        self,
        name: str,
        application: ApplicationState,
        *,
        outcome: Outcome | None = None,
        change: Change | None = None,
        about: Settled | None = None,
        generation: int = 0,
        code: str = "",
        message: str = "",
    ) -> None:
        """Write down the state of an application; with ``outcome`` a report of ``change``, or of ``about``, or of what is settled."""
        state = lifecycle.with_application(self._journal.state, name, application)
        if outcome is not None:
            bad = application.bad.get(change.application.release_digest) if change else None
            state = lifecycle.with_report(
                state,
                now=datetime.now(UTC),
                channel=self.channel,
                generation=change.generation if change else generation,
                outcome=outcome,
                change=change,
                application=name,
                about=about,
                code=code or (bad.failure.code if bad else ""),
                message=message or (bad.failure.message if bad else ""),
            )
        self._journal.save(state)
