"""Evidence of rehearsals ends after a time, but never that behind a release in use; on SQLite and PostgreSQL alike."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from control_plane.services.kept_evidence import evidence_prune
from control_plane.store import models
from tests.support.world import World

pytestmark = pytest.mark.services
DAY = 86_400.0


@pytest.fixture
def old(world: World) -> World:
    """A world where 2.2.8 was superseded in edge by 2.2.16, 2.3.0 failed, and all that is 91 days ago."""
    world.start()
    world.harness.verdicts["2.3.0"] = "failed"
    for version in ("2.2.8", "2.2.16", "2.3.0"):
        world.publish_upstream(version)
        world.settle()
        world.wait(61)
    world.settle()
    for folder in world.workplace.evidence.iterdir():
        (folder / "pod.log").write_text("started")
        os.utime(folder, (world.now.timestamp(),) * 2)
    world.wait(91 * DAY)
    return world


def prune(world: World, days: int = 90) -> list[str]:
    """Return the versions whose evidence went."""
    gone = evidence_prune(
        root=world.workplace.evidence, keep=timedelta(days=days), clock=world.clock, scope=world.scope
    )
    with world.scope() as session:
        return [session.get_one(models.Run, run).release.version for run in gone]


def kept(world: World) -> set[str]:
    return {path.name for path in world.workplace.evidence.iterdir()}


def close_stable(world: World) -> None:
    """Nobody approves what waits for stable."""
    with world.scope() as session:
        for promotion in session.query(models.Promotion).filter_by(state="awaiting_approval"):
            promotion.state = "rejected"


def test_what_is_old_goes_and_what_a_channel_has_or_may_get_stays(old: World) -> None:
    assert len(kept(old)) == 3
    assert prune(old, days=92) == []
    assert prune(old) == ["2.3.0"], "edge has 2.2.16, and 2.2.8 may still enter stable"
    close_stable(old)
    assert prune(old) == ["2.2.8"]
    assert prune(old) == []
    assert len(kept(old)) == 1


def test_what_a_cluster_still_runs_stays(old: World) -> None:
    old.enrol("shop", "edge")
    old.report("shop", old.about(1, "healthy", "2.2.8", 1, channel="edge", running="2.2.8"))
    close_stable(old)
    assert prune(old) == ["2.3.0"]


def test_a_run_that_goes_on_stays_however_old_its_folder_is(old: World) -> None:
    with old.scope() as session:
        run = session.query(models.Run).order_by(models.Run.id.desc()).first()
        run.ended_at = run.verdict = None
    assert prune(old) == []


def test_folders_of_no_known_run_go_by_their_age_and_other_names_are_nobodys(old: World, tmp_path: Path) -> None:
    root = old.workplace.evidence
    for name in ("run-900", "run-901", "mine", "run-x"):
        (root / name).mkdir()
        os.utime(root / name, (0, 0))
    os.utime(root / "run-901", (old.now.timestamp(),) * 2)
    (tmp_path / "elsewhere").mkdir()
    (root / "run-902").symlink_to(tmp_path / "elsewhere")
    before = kept(old)
    evidence_prune(root=root, keep=timedelta(days=90), clock=old.clock, scope=old.scope)
    assert before - kept(old) == {"run-900", "run-3"}
    assert (tmp_path / "elsewhere").is_dir()


def test_no_folder_at_all_is_nothing_to_do(world: World, tmp_path: Path) -> None:
    assert evidence_prune(root=tmp_path / "none", keep=timedelta(days=1), clock=world.clock, scope=world.scope) == []
