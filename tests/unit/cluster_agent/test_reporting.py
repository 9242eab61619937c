"""Reports reach control planes of every age."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Literal

import httpx2
import msgspec
import pytest

from cluster_agent.contract import Facts, Report, ReportReceipt
from cluster_agent.errors import Unreachable
from cluster_agent.reporting import Reporter

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class OldReport(msgspec.Struct):
    """A report as the first control planes read it."""

    sequence: int
    outcome: Literal["applying", "healthy", "rolled_back", "failed", "refused", "observed"]
    code: str = ""


class OldBatch(msgspec.Struct):
    """A batch as the first control planes read it."""

    reports: tuple[OldReport, ...] = ()


def report(sequence, outcome):
    return Report(sequence=sequence, at=AT, channel="stable", generation=1, outcome=outcome, code=outcome)


@pytest.fixture
def old():
    """A reporter before a control plane that knows the first outcomes alone, and what that one stored."""
    stored = []

    def answer(request):
        try:
            batch = msgspec.json.decode(request.read(), type=OldBatch)
        except msgspec.ValidationError as error:
            return httpx2.Response(422, content=msgspec.json.encode({"detail": str(error)}))
        stored.extend(batch.reports)
        return httpx2.Response(200, content=msgspec.json.encode(ReportReceipt(accepted_sequence=stored[-1].sequence)))

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    identity = SimpleNamespace(bearer=dict)
    return SimpleNamespace(reporter=Reporter(http, "http://old", identity, Facts), stored=stored)


def test_an_older_control_plane_gets_new_outcomes_in_words_that_it_knows(old):
    assert old.reporter.send((report(1, "healthy"), report(2, "left"), report(3, "uninstalled"))) == 3
    assert [(one.outcome, one.code) for one in old.stored] == [
        ("healthy", "healthy"),
        ("observed", "left"),
        ("observed", "uninstalled"),
    ]


def test_what_it_does_not_understand_for_another_reason_waits(old):
    bad = msgspec.structs.replace(report(1, "healthy"), sequence="one")
    with pytest.raises(Unreachable) as caught:
        old.reporter.send((bad,))
    assert caught.value.code == "reports_refused"
