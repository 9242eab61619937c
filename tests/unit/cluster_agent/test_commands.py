"""What a person asks of the agent: backups are listed, and put back only where that is wise."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from cluster_agent import commands
from cluster_agent.__main__ import main
from cluster_agent.backup.snapshots import INDEX, SavedStep, Snapshot, Snapshots
from cluster_agent.contract import BackupStep
from cluster_agent.state import ApplicationState, Removal, Settled

NOW = datetime(2026, 11, 25, 19, 0, tzinfo=UTC)
STEP = BackupStep(name="db", pod="app=db", dump=("dump",), restore=("restore",))


def snapshot(number: int) -> Snapshot:
    return Snapshot(
        id=f"{number}-1.0.0",
        application="echo",
        namespace="echo",
        release="1.0.0",
        taken_at=NOW + timedelta(hours=number),
        steps=(SavedStep(step=STEP, file="a.dump", size=7, sha256="0" * 64),),
    )


def settled(release: str) -> ApplicationState:
    return ApplicationState(settled=Settled(generation=1, release=release, release_digest="d", revision=1))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDEGATE_AGENT_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TIDEGATE_AGENT_URL", "https://tidegate.example.org")
    monkeypatch.setenv("TIDEGATE_AGENT_NAMESPACES", "echo")
    return tmp_path / "backups"


def keep(folder, one: Snapshot, name: str = "") -> None:
    place = folder / one.application / (name or one.id)
    place.mkdir(parents=True)
    (place / INDEX).write_bytes(msgspec.json.encode(one))


def test_backups_come_newest_first_without_those_that_were_never_completed(folder, capsys):
    for number in (1, 3, 2):
        keep(folder, snapshot(number))
    keep(folder, snapshot(4), ".4-1.0.0.part")
    assert main(["backups", "-o", "json"]) == 0
    assert [one["id"] for one in json.loads(capsys.readouterr().out)] == ["3-1.0.0", "2-1.0.0", "1-1.0.0"]
    assert main(["backups"]) == 0
    assert "echo  3-1.0.0  data of 1.0.0, taken 2026-11-25 22:00:00 UTC, 7 bytes" in capsys.readouterr().out


def test_no_backups_say_when_there_will_be_some(folder, capsys):
    assert Snapshots(folder).all() == []
    assert main(["backups"]) == 0
    assert "made before upgrades" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("known", "other_release", "words"),
    [
        (settled("1.0.0"), False, ""),
        (ApplicationState(), False, ""),
        (settled("1.1.0"), True, ""),
        (settled("1.1.0"), False, "the backup is of 1.0.0, but 1.1.0 runs"),
        (ApplicationState(removal=Removal(generation=2, phase="staged", started_at=NOW)), True, "changes it now"),
    ],
)
def test_a_restore_waits_for_the_agent_and_asks_about_another_release(known, other_release, words):
    said = commands.unwise(known, snapshot(1), other_release=other_release)
    assert words in said
    assert bool(said) == bool(words)


def test_a_backup_that_is_not_there_is_said_before_anything_is_touched(folder, capsys):
    assert main(["restore", "echo", "9-9.9.9"]) == 2
    assert (
        "backup 9-9.9.9 of echo is not in the agent's data directory (`tidegate-agent backups`)"
        in capsys.readouterr().err
    )
