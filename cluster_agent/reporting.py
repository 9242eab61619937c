"""Telling the control plane what happened. Reports wait in the journal until it says that it has them; its absence stops nothing.

A control plane that is older than this agent refuses outcomes that it does not know; they are said once more in words that it knows.
"""

from collections.abc import Callable

import httpx2
import msgspec
from msgspec.structs import replace

from cluster_agent.contract import Facts, Report, ReportBatch, ReportReceipt
from cluster_agent.contract.report import FIRST_OUTCOMES
from cluster_agent.errors import Unreachable
from cluster_agent.identity import Identity, problem_words

BATCH = 50
NOT_UNDERSTOOD = 422
TIMEOUT_SECONDS = 10.0


class Reporter:
    """Sends batches, signed with the agent's own key."""

    def __init__(self, http: httpx2.Client, url: str, identity: Identity, facts: Callable[[], Facts]) -> None:
        self._http = http
        self._target = f"{url.rstrip('/')}/api/agent/v1/reports"
        self._identity = identity
        self._facts = facts

    def send(self, reports: tuple[Report, ...]) -> int:
        """Send the oldest reports (none: a sign of life); return the sequence up to which the control plane has them.

        Raises ``Unreachable``; also where it refuses us (removed, clocks apart), because what we did stays worth telling.
        """
        batch = reports[:BATCH]
        answer = self._post(batch)
        if answer.status_code == NOT_UNDERSTOOD and (older := _for_older(batch)) != batch:
            answer = self._post(older)
        if answer.status_code != 200:
            raise Unreachable(f"{self._target}: {problem_words(answer)}", code="reports_refused")
        try:
            return msgspec.json.decode(answer.content, type=ReportReceipt).accepted_sequence
        except msgspec.DecodeError as error:
            raise Unreachable(f"{self._target} gives no answer of a control plane: {error}") from error

    def _post(self, reports: tuple[Report, ...]) -> httpx2.Response:
        body = msgspec.json.encode(ReportBatch(facts=self._facts(), reports=reports))
        headers = {**self._identity.bearer(), "Content-Type": "application/json"}
        try:
            return self._http.post(self._target, content=body, headers=headers, timeout=TIMEOUT_SECONDS)
        except httpx2.HTTPError as error:
            raise Unreachable(f"no answer from {self._target}: {str(error) or type(error).__name__}") from error


def _for_older(reports: tuple[Report, ...]) -> tuple[Report, ...]:
    return tuple(one if one.outcome in FIRST_OUTCOMES else replace(one, outcome="observed") for one in reports)
