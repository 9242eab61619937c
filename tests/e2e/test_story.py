"""The story that `make demo` tells, asserted step by step on real clusters. Each test is one step and needs those before it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from test_harness.demo.narrator import Narrator
from test_harness.demo.stage import Stage, down
from test_harness.demo.story import BROKEN, REFUSED, SECOND, Story
from test_harness.images.registry import free_port

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder: Path = tmp_path_factory.mktemp("story")
    down(folder)  # what a killed run has left
    narrator = Narrator()
    played = Story(Stage(narrator, folder=folder, port=free_port("127.0.0.1")), narrator)
    yield played
    print(f"\n{narrator.table()}\n\ncontrol plane's log ends with:\n{played.stage.control_plane.log_tail(40)}")
    down(folder)


@pytest.fixture(autouse=True)
def _needs_the_steps_before(request: pytest.FixtureRequest, story: Story) -> Iterator[None]:
    if "broke off" in story.seen:
        pytest.fail(f"a step before this one did not come true: {story.seen['broke off']}")
    failed_before = request.session.testsfailed
    yield
    if request.session.testsfailed > failed_before:
        story.seen["broke off"] = request.node.name


def test_1_a_user_cluster_follows_stable(story: Story) -> None:
    story.curtain()
    [cluster] = story.stage.control_plane.get("clusters")
    assert (cluster["channel"], cluster["generation"]) == ("stable", 0)


def test_2_the_first_release_goes_all_the_way(story: Story) -> None:
    story.first_release()
    approvals = [
        row for row in story.stage.control_plane.get("audit?limit=500") if row["action"] == "promotion.approval_granted"
    ]
    assert [row["actor"] for row in approvals] == ["user:local"]


def test_3_an_upgrade_keeps_the_data(story: Story) -> None:
    story.upgrade()
    release = story.stage.control_plane.get(f"applications/miniflux/releases/{SECOND}")
    assert release["runs"][-1]["contract"] == "restore-required"
    assert all("@" not in name for name in release["manifest"]["images"])
    assert all(digest.startswith("sha256:") for digest in release["manifest"]["images"].values())


def test_4_a_broken_release_goes_nowhere(story: Story) -> None:
    story.broken_release()
    assert "Migration v124" in story.seen["broken"]["state_reason"]
    assert not [row for row in story.stage.control_plane.get("promotions") if row["version"] == BROKEN]


def test_5_one_cluster_refuses_and_rolls_back(story: Story) -> None:
    story.refused_by_one_cluster()
    assert story.seen["rolled_back"]["code"] == "quota_exceeded"
    assert REFUSED in story.seen["halted"]["state_reason"] or "quota" in story.seen["halted"]["state_reason"]


def test_6_tampered_files_are_refused(story: Story) -> None:
    story.tampering()
    assert {"untrusted_unsigned", "untrusted_rollback_attack"} <= story.seen.keys()
