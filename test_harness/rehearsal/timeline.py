"""The timeline of a rehearsal: runs one stage after the other, knows how each ended, tells each as it begins and ends.

What a stage raises decides its state (see ``test_harness.errors``); an error that nobody foresaw is ours, so ``errored``.
"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
import structlog

from test_harness.errors import CutOff, ReleaseFailed, Skipped
from test_harness.runner import StepReport, StepState
from test_harness.verdict import Stage

log = structlog.get_logger(__name__)
LONGEST_MESSAGE = 1000


@dataclass
class Timeline:
    """``tell`` gets every step twice: running, and ended. ``redact`` takes secrets out of messages before that."""

    tell: Callable[[StepReport], None]
    redact: Callable[[str], str] = str
    outcomes: dict[Stage, StepState] = field(default_factory=dict)
    ended: dict[Stage, StepReport] = field(default_factory=dict)

    def run(self, stage: Stage, title: str, action: Callable[[], str]) -> bool:
        """Run ``action``, whose answer is the step's message. True when it passed or was skipped. Raises CutOff only."""
        name = stage.rpartition("-")[2]  # base-install and install are both an install to the reader
        step = StepReport(name=name, title=title, state="running", started_at=datetime.now(UTC))
        self.outcomes[stage] = "running"
        self.tell(step)
        try:
            state, message = self._state_of(action)
        except CutOff as error:
            self._end(stage, step, "errored", str(error))
            raise
        self._end(stage, step, state, message)
        return state in ("passed", "skipped")

    def _end(self, stage: Stage, step: StepReport, state: StepState, message: str) -> None:
        line = self.redact(" ".join(message.split()))[:LONGEST_MESSAGE]
        done = msgspec.structs.replace(step, state=state, message=line, ended_at=datetime.now(UTC))
        self.outcomes[stage] = state
        self.ended[stage] = done
        self.tell(done)
        log.info("step", stage=stage, state=state, message=line)

    def _state_of(self, action: Callable[[], str]) -> tuple[StepState, str]:
        try:
            return "passed", action()
        except Skipped as reason:
            return "skipped", str(reason)
        except ReleaseFailed as error:
            return "failed", str(error)
        except Exception as error:
            log.error("a stage could not tell", traceback=self.redact(traceback.format_exc()))  # noqa: TRY400  redacted
            return "errored", str(error) or type(error).__name__

    @property
    def steps(self) -> tuple[StepReport, ...]:
        """The steps that ended, in order."""
        return tuple(self.ended.values())
