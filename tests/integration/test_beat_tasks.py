"""What beat sends, as the very tasks: files renewed and healed, silent rollouts completed, soaks that end. Run twice equals once.

The tasks find their database and files by settings, as in a worker; the world's clock is theirs.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from control_plane.publishing.layout import LIFETIMES
from control_plane.services.first_seen import checks_known
from control_plane.settings import get_settings
from control_plane.store.nudges import Nudge
from control_plane.store.session import get_engine
from control_plane.tasks import steps
from control_plane.tasks.sweeping import Recent
from tests.support.world import World, declare

pytestmark = pytest.mark.services
TIMESTAMP = "tuf/metadata/timestamp.json"


@pytest.fixture
def sent() -> list[Nudge]:
    """What the sweeper has sent."""
    return []


@pytest.fixture
def tasks(
    world: World, database_url: str, tmp_path: Path, sent: list[Nudge], monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """A world with 2.2.8 in edge, whose settings are those of this process, and whose clock is that of the tasks."""
    monkeypatch.setenv("TIDEGATE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TIDEGATE_DATABASE_URL", database_url)
    monkeypatch.setattr(steps, "clock", world.clock)
    monkeypatch.setattr(steps, "send", sent.append)
    monkeypatch.setattr(steps, "recent", Recent())
    get_settings.cache_clear()
    get_engine.cache_clear()
    world.start()
    world.publish_upstream("2.2.8")
    world.settle()
    yield world
    get_engine().dispose()
    get_settings.cache_clear()
    get_engine.cache_clear()


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file of the repository: equal means that not one was even rewritten."""
    found = [path for path in (folder / "tuf").rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in found}


def version(folder: Path, name: str = TIMESTAMP) -> int:
    signed = msgspec.json.decode((folder / name).read_bytes())["signed"]
    return int(signed["version"])


def wants(world: World) -> dict[str, object]:
    """What clusters are told, by channel, out of the signed files."""
    return {name: msgspec.to_builtins(manifest) for name, manifest in world.repository.manifests().items()}


def test_nothing_is_renewed_before_its_time(tasks: World, tmp_path: Path) -> None:
    before = files(tmp_path)
    tasks.wait(3_600)
    steps.renew()
    assert files(tmp_path) == before


def test_what_nears_its_expiry_is_signed_again_early_and_once(tasks: World, tmp_path: Path) -> None:
    before, told = version(tmp_path), wants(tasks)
    tasks.wait(LIFETIMES["timestamp"].total_seconds() / 2 + 1)
    steps.renew()
    assert version(tmp_path) > before
    roles = {role.name: role.expires for role in tasks.repository.state(tasks.now).roles}
    assert roles["timestamp"] == tasks.now + LIFETIMES["timestamp"]
    assert wants(tasks) == told
    renewed = files(tmp_path)
    steps.renew()
    assert files(tmp_path) == renewed, "twice equals once"


def test_after_a_long_absence_everything_is_valid_again(tasks: World, tmp_path: Path) -> None:
    told = wants(tasks)
    tasks.wait(timedelta(days=400).total_seconds())
    steps.renew()
    state = tasks.repository.state(tasks.now)
    assert all(role.expires > tasks.now for role in state.roles)
    assert (state.damage, wants(tasks)) == ((), told)


@pytest.mark.parametrize("harm", ["garbage", "gone", "cut", "all gone"])
def test_damaged_files_are_healed_from_the_database(tasks: World, tmp_path: Path, harm: str) -> None:
    told, before = wants(tasks), version(tmp_path)
    metadata = sorted((tmp_path / "tuf" / "metadata").glob("*.json"))
    damaged = [path for path in metadata if "timestamp" in path.name or "snapshot" in path.name]
    for path in metadata if harm == "all gone" else damaged:
        content = path.read_bytes()
        match harm:
            case "garbage":
                path.write_bytes(b"{}")
            case "cut":
                path.write_bytes(content[: len(content) // 2])
            case _:
                path.unlink()
    tasks.wait(60)
    steps.renew()
    assert (tasks.repository.state(tasks.now).damage, wants(tasks)) == ((), told)
    assert version(tmp_path) > before, "clients that have seen the old one take the new one"
    healed = files(tmp_path)
    steps.renew()
    assert files(tmp_path) == healed


def test_a_rollout_that_nobody_reports_about_is_completed_once(tasks: World) -> None:
    limit = get_settings().silent_after_seconds
    tasks.enrol("home", "edge")
    tasks.enrol("cellar", "edge", key="Y2VsbGFy")
    tasks.report("home", tasks.about(1, "healthy", "2.2.8", 1, channel="edge"))
    tasks.wait(limit - 1)
    steps.review()
    assert tasks.rollout("edge").state == "rolling"
    tasks.report("home")
    tasks.wait(2)
    for _ in range(2):
        steps.review()
    assert tasks.rollout("edge").state == "completed"
    assert len(tasks.audit("rollout.completed")) == 1
    assert tasks.rollout("edge").files_at is None, "its file says so next"


def test_a_soak_that_is_over_lets_a_release_in(tasks: World, sent: list[Nudge]) -> None:
    assert tasks.promotion("2.2.8", "stable").state == "proposed"
    tasks.approve("2.2.8")
    steps.sweep()
    assert [nudge for nudge in sent if nudge.work.startswith("promotion")] == [], "it soaks"
    tasks.wait(61)
    steps.sweep()
    steps.sweep()
    advances = [nudge for nudge in sent if nudge.work == "promotion_advance"]
    assert len(advances) == 1, "what is on its way needs no second message"
    for _ in range(2):
        tasks.do(advances[0])
    assert tasks.promotion("2.2.8", "stable").state == "approved"
    tasks.wait(3)
    steps.sweep()
    (publish,) = [nudge for nudge in sent if nudge.work == "promotion_publish"]
    for _ in range(2):
        tasks.do(publish)
    assert tasks.promotion("2.2.8", "stable").state == "published"
    assert len(tasks.audit("promotion.published")) == 2, "one in edge, one in stable"
    assert tasks.versions("stable") == {"miniflux": "2.2.8"}


def test_a_lost_approval_during_the_soak_keeps_it_out(tasks: World, sent: list[Nudge]) -> None:
    tasks.wait(61)
    steps.sweep()
    (advance,) = [nudge for nudge in sent if nudge.work == "promotion_advance"]
    tasks.do(advance)
    waiting = tasks.promotion("2.2.8", "stable")
    assert (waiting.state, waiting.waits_until) == ("awaiting_approval", None)
    sent.clear()
    tasks.wait(3_600)
    steps.sweep()
    assert [nudge for nudge in sent if nudge.work.startswith("promotion")] == []


def test_logs_are_checked_by_the_clock(tasks: World, sent: list[Nudge], tmp_path: Path) -> None:
    for _ in range(2):
        steps.check()
    steps.sweep()
    (asked,) = [nudge for nudge in sent if nudge.work == "logs_check"]
    for _ in range(2):
        steps.logs_check(asked.row_id)
    with tasks.scope() as session:
        last, running = checks_known(session)
    assert last is not None
    assert (last.damages, running, last.rows > 0) == ([], None, True)
    assert (tmp_path / "first-seen.json").stat().st_mode & 0o077 == 0


def test_a_schedule_is_followed_by_sweeps_and_missed_times_are_one_look(tasks: World) -> None:
    tasks.start(declare(cron="*/10 * * * *", zone="Asia/Kolkata"))
    tasks.settle()
    looked = tasks.registry.asked
    tasks.wait(5 * 3_600)
    tasks.settle()
    looks = tasks.registry.asked - looked
    tasks.settle()
    assert looks <= 4, "the chart's place, and the choosing that is due every hour; not thirty looks"
