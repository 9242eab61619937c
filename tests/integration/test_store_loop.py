"""The loop's control-plane half through the services, on SQLite and PostgreSQL alike; every piece of work is done twice."""

import pytest

from control_plane.domain.errors import NotFound, Refused
from control_plane.domain.sources import SourceSpec
from tests.support.world import CHART, IMAGE, World

pytestmark = pytest.mark.services


def test_a_new_version_reaches_edge_by_itself_and_stable_after_soak_and_approval(world: World) -> None:
    world.start()
    world.publish_upstream("2.2.8")
    world.settle()
    assert world.release("2.2.8").state == "verified"
    assert world.promotion("2.2.8", "edge").state == "published"
    assert world.versions("edge") == {"miniflux": "2.2.8"}
    waiting = world.promotion("2.2.8", "stable")
    assert (waiting.state, waiting.state_reason) == ("proposed", "soaks in edge until 2026-01-01 12:01:01 UTC")

    world.wait(61)
    world.settle()
    assert world.promotion("2.2.8", "stable").state == "awaiting_approval"
    world.approve("2.2.8")
    world.settle()
    assert world.promotion("2.2.8", "stable").state == "published"
    assert world.channel("stable").generation == 1
    states = world.repository.state(world.now)
    assert {channel.name: channel.generation for channel in states.channels} == {"edge": 1, "stable": 1}


def test_what_is_said_about_each_part_is_kept_with_the_release(world: World) -> None:
    from control_plane.store.queries.pages import release_notes

    world.start()
    for version in ("2.2.8", "2.2.16"):
        world.publish_upstream(version)
        world.settle()
        world.wait(11)
    for version, words in (("2.2.8", "2.2.8 since ever"), ("2.2.16", "2.2.16 since 2.2.8")):
        release = world.release(version)
        with world.scope() as session:
            assert release_notes(session, release)["chart"]["title"] == words
        assert "notes" not in (release.parts or {})["miniflux"]


def test_an_upgrade_is_rehearsed_from_what_edge_has_and_its_edge_is_in_the_manifest(world: World) -> None:
    world.start()
    for version in ("2.2.8", "2.2.16"):
        world.publish_upstream(version)
        world.settle()
        world.wait(11)
    first, second = world.harness.requests
    assert first.base is None
    assert second.base is not None
    assert second.base.release == "2.2.8"
    wanted = world.publications("edge")[-1].manifest["applications"][0]
    assert wanted["edges"][0]["from_release"] == "2.2.8"
    assert wanted["edges"][0]["contract"] == "reversible"
    assert world.promotion("2.2.8", "edge").state == "superseded"


def test_a_failed_rehearsal_changes_no_channel(world: World) -> None:
    world.start()
    world.publish_upstream("2.2.8")
    world.settle()
    world.harness.verdicts["2.3.0"] = "failed"
    world.publish_upstream("2.3.0")
    world.settle()
    assert world.release("2.3.0").state == "failed"
    assert world.release("2.3.0").state_reason == "it failed"
    assert world.channel("edge").generation == 1


def test_an_errored_rehearsal_is_tried_again_within_its_limit_and_never_fails_the_release(world: World) -> None:
    world.start()
    world.harness.verdicts["2.2.8"] = "errored"
    world.publish_upstream("2.2.8")
    for _ in range(6):
        world.settle()
        world.wait(400)
    assert world.release("2.2.8").state == "errored"
    assert len(world.harness.requests) == 3


def test_a_registry_that_is_down_marks_nothing_bad(world: World) -> None:
    world.start()
    world.registry.is_down = True
    world.publish_upstream("2.2.8")
    world.settle()
    with world.scope() as session:
        from control_plane.store import models

        chart = session.query(models.Source).filter_by(location=CHART).one()
        assert chart.unknown_since == world.now
        assert chart.last_error == "the registry does not answer"
    world.registry.is_down = False
    world.wait(11)
    world.settle()
    assert world.release("2.2.8").state == "verified"


def test_a_mirror_that_lost_the_chart_it_showed_marks_nothing_bad(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(spec: SourceSpec, account: str, tag: str, digest: str) -> bytes:
        raise NotFound(f"no {spec.location}@{digest}")

    world.start()
    with monkeypatch.context() as patch:
        patch.setattr(world.registry, "chart", lost)
        world.publish_upstream("2.2.8")
        world.settle()
        assert world.release("2.2.8").state == "discovered"
        assert world.release("2.2.8").state_reason.startswith("no ghcr.io/")
    world.wait(61)
    world.settle()
    assert world.release("2.2.8").state == "verified"


def test_a_recall_publishes_the_fallback_at_a_higher_generation(world: World) -> None:
    from control_plane.services.publications import channel_recall

    world.start()
    for version in ("2.2.8", "2.2.16"):
        world.publish_upstream(version)
        world.settle()
        world.wait(11)
    with world.scope() as session:
        channel_recall(
            session, channel="edge", application="miniflux", reason="CVE", actor="person:anna", now=world.now
        )
    world.settle()
    assert world.versions("edge") == {"miniflux": "2.2.8"}
    assert world.channel("edge").generation == 3
    assert world.promotion("2.2.16", "edge").state == "recalled"
    assert world.promotion("2.2.16", "stable").state_reason == "it was recalled from edge" or (
        world.promotion("2.2.16", "stable").state == "proposed"
    )
    world.wait(61)
    world.settle()
    assert world.promotion("2.2.16", "stable").state == "cancelled"


def test_a_report_of_a_rollback_halts_its_generation_with_the_reason(world: World) -> None:
    world.start()
    world.enrol("home", channel="edge")
    world.publish_upstream("2.2.8")
    world.settle()
    world.report("home", world.about(1, "healthy", "2.2.8", 1, channel="edge", running="2.2.8"))
    assert world.rollout("edge").state == "completed"
    world.wait(11)
    world.publish_upstream("2.2.16")
    world.settle()
    bad = world.about(2, "rolled_back", "2.2.16", 2, channel="edge", running="2.2.8", message="exceeded quota")
    assert world.report("home", bad) == 2
    halted = world.rollout("edge")
    assert (halted.state, halted.state_reason) == ("halted", "home rolled back: exceeded quota")
    assert halted.files_at is None
    world.settle()
    assert world.rollout("edge").files_at is not None
    assert world.report("home", bad) == 2
    world.resume("edge")
    again = world.about(3, "failed", "2.2.16", 2, channel="edge", message="again")
    world.report("home", again)
    assert world.rollout("edge").state == "halted"


def test_approvals_are_for_the_very_digest_and_by_those_who_may(world: World) -> None:
    world.start()
    world.publish_upstream("2.2.8")
    world.settle()
    promotion = world.promotion("2.2.8", "stable")
    from control_plane.services.promotions import promotion_approve

    with pytest.raises(Refused, match="look again"), world.scope() as session:
        promotion_approve(
            session,
            promotion_id=promotion.id,
            release_digest="sha256:other",
            actor="person:eve",
            role="approver",
            now=world.now,
        )
    with pytest.raises(Refused, match="needs the role"), world.scope() as session:
        promotion_approve(
            session,
            promotion_id=promotion.id,
            release_digest=promotion.release_digest,
            actor="person:eve",
            role="viewer",
            now=world.now,
        )
    world.approve("2.2.8")
    world.approve("2.2.8")
    assert len(world.audit("promotion.approval_granted")) == 1


def test_a_tests_image_that_is_gone_is_no_fault_of_the_release_and_one_that_is_there_is_pinned(world: World) -> None:
    world.start()
    world.registry.push("ghcr.io/acme/probe", "1")
    world.registry.test_images = frozenset({"ghcr.io/acme/probe:1", "ghcr.io/acme/gone:1"})
    world.publish_upstream("2.2.8")
    world.settle()
    assert world.release("2.2.8").state == "verified"
    images = world.publications("edge")[-1].manifest["applications"][0]["images"]
    assert set(images) == {f"{IMAGE}:2.2.8", "ghcr.io/acme/probe:1"}
