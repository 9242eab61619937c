"""What is known of a host is shared through the database: budgets of several processes, circuits, and what people are shown."""

import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine

from control_plane.services.hosts import SharedLedger, hosts_known
from control_plane.store.session import read_scope, session_scope
from control_plane.upstreams.politeness import Later, Limits, Manners, Quota, Slots
from tests.support.small_registry import SmallRegistry, serving

pytestmark = pytest.mark.services
ROOT = Path(__file__).resolve().parents[2]
HOST, LIMITS = "registry.example.com", Limits(per_second=10, per_hour=1_000, failures=2)


@pytest.fixture
def ledger(engine: Engine) -> SharedLedger:
    return SharedLedger(partial(session_scope, engine))


class Timed(SmallRegistry):
    """Remembers when it was asked."""

    def answer(self, *asked, **more):  # type: ignore[no-untyped-def]
        self.times.append(time.time())
        return super().answer(*asked, **more)

    times: list[float]


def test_two_processes_stay_in_one_budget(database_url: str, tmp_path: Path) -> None:
    per_second, seconds = 20.0, 4.0
    registry = Timed()
    registry.times = []
    settings = {"TIDEGATE_DATA_DIR": str(tmp_path), "TIDEGATE_DATABASE_URL": database_url, "PYTHONPATH": str(ROOT)}
    with serving(registry):
        command = [sys.executable, "-m", "tests.support.asking_process", f"{registry.url}/v2/"]
        children = [
            subprocess.Popen(
                [*command, str(per_second), str(seconds)],
                cwd=ROOT,
                env={**os.environ, **settings},
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        asked = [int(child.communicate()[0].split()[-1]) for child in children]
    assert sum(asked) == len(registry.times)
    assert min(asked) > 0, "both had their turns"
    for window in (1.0, 2.0, 4.0):
        most = max(sum(begin <= at < begin + window for at in registry.times) for begin in registry.times)
        assert most <= per_second * (window + 1) + 2, f"{most} requests within {window} s"


def test_threads_and_processes_never_lose_a_count(ledger: SharedLedger) -> None:
    limits = Limits(per_second=1e6, per_hour=10**6)

    def work() -> None:
        for _ in range(20):
            ledger.change({name: lambda manners: manners.reserve(limits, 5, time.time()) for name in ("a", "b", HOST)})

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = ledger.change({name: lambda manners: manners.last_hour(time.time()) for name in ("a", "b", HOST)})
    assert set(counts.values()) == {400}


def test_a_change_that_breaks_off_is_not_kept(ledger: SharedLedger) -> None:
    def broken(manners: Manners) -> None:
        manners.failed(LIMITS, "HTTP 500", asked_at=0.0, now=1.0, jitter=0.0)
        raise RuntimeError("killed here")

    with pytest.raises(RuntimeError):
        ledger.change({HOST: broken})
    assert ledger.change({HOST: lambda manners: manners.failures})[HOST] == 0


def test_a_pause_and_a_circuit_are_everybodys_and_shown(engine: Engine, ledger: SharedLedger) -> None:
    other, now = SharedLedger(partial(session_scope, engine)), time.time()
    for _ in range(2):
        ledger.change({HOST: lambda manners: manners.failed(LIMITS, "HTTP 502", asked_at=now, now=now, jitter=0.0)})
    ledger.change({"ghcr.io": lambda manners: manners.throttled(120.0, now=now, jitter=0.0)})
    ledger.change({"docker.io": lambda manners: manners.told(Quota(100, 76, window=21_600.0), now)})
    asked = other.change({HOST: lambda manners: manners.reserve(LIMITS, 3, now)})[HOST]
    assert isinstance(asked, Later)
    assert asked.code == "circuit_open"
    assert isinstance(other.change({"quay.io": lambda manners: manners.reserve(LIMITS, 3, now)})["quay.io"], Slots)
    with read_scope(engine) as session:
        known = hosts_known(session, limits_of=lambda _: LIMITS, now=datetime.fromtimestamp(now, UTC))
        later = hosts_known(session, limits_of=lambda _: LIMITS, now=datetime.now(UTC) + timedelta(days=8))
    told = {one.host: (one.circuit, one.failures, one.why, one.requests_last_hour) for one in known}
    assert told == {
        "docker.io": ("closed", 0, "", 0),
        "ghcr.io": ("closed", 0, "it asks us to wait", 0),
        "quay.io": ("closed", 0, "", 3),
        HOST: ("open", 2, "2 failures in a row, the last one: HTTP 502", 0),
    }
    assert (known[0].quota_remaining, known[0].quota_limit) == (76, 100)
    assert later == []
