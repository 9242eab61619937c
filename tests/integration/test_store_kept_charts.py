"""Charts that are kept: put back when they are lost, told when they cannot be, gone when nobody needs them."""

import os
from datetime import timedelta

import pytest

from cluster_agent.contract import sha256_hex
from control_plane.domain.applications import ChartUpstream
from control_plane.domain.errors import Transient
from control_plane.domain.kept_charts import GRACE
from control_plane.publishing.artifacts import artifact_is_whole, artifact_path, artifacts_kept
from control_plane.services import applications, releases
from control_plane.store.queries.needs_you import Need, needs_you
from control_plane.store.reads import fleet
from control_plane.store.reads import releases as reads
from tests.support.world import IMAGE, START, World, declare

pytestmark = pytest.mark.services
CHARTS = "https://charts.example.com/stable"


@pytest.fixture
def world(world: World) -> World:
    """An application whose chart is in a Helm repository."""
    world.start(declare(chart=ChartUpstream(helm=CHARTS, name="miniflux", version=">=2.0.0")))
    return world


def publish(world: World, version: str) -> str:
    """A version appears, and everything that follows from it; return its chart's digest."""
    digest = f"sha256:{sha256_hex(version.encode())}"
    world.wait(11)
    world.registry.push(CHARTS, version, digest)
    world.registry.push(IMAGE, version)
    world.settle()
    return digest


def path_of(world: World, digest: str) -> os.PathLike[str]:
    return world.storage.root / artifact_path(digest)


def needs(world: World) -> list[Need]:
    with world.scope() as session:
        found = needs_you(session, now=world.now, silent_after=timedelta(hours=1))
    return [need for need in found if need.kind == "lost"]


def reject(world: World, version: str) -> None:
    with world.scope() as session:
        releases.release_withdraw(
            session, release_id=world.release(version).id, reason="CVE", actor="person:anna", now=world.now
        )


def age(world: World, digest: str) -> None:
    """Let a file be as old as the world's clock says it is."""
    then = (START + timedelta(seconds=1)).timestamp()
    os.utime(path_of(world, digest), (then, then))


@pytest.mark.parametrize("damage", ["lost", "cut", "changed"])
def test_a_chart_that_is_lost_or_damaged_is_fetched_again(world: World, damage: str) -> None:
    digest = publish(world, "2.2.8")
    path = world.storage.root / artifact_path(digest)
    path.unlink() if damage == "lost" else path.write_bytes(b"" if damage == "cut" else b"other")
    assert world.look_after_charts() == (1, 0)
    assert artifact_is_whole(world.storage, digest)
    assert world.look_after_charts() == (0, 0)
    (event,) = world.audit("release.chart_restored")
    assert event.data["chart_digest"] == digest
    assert event.reason == f"its chart was lost or damaged, and {CHARTS} had it still"


def test_a_kept_chart_is_required_of_agents_and_one_that_cannot_take_it_is_shown(world: World) -> None:
    publish(world, "2.2.8")
    (manifest,) = [row.manifest for row in world.publications("edge")]
    assert (manifest["format"], manifest["applications"][0]["requires"]) == (2, ["kept-charts"])
    world.enrol("berlin", channel="edge")
    world.report("berlin")
    with world.scope() as session:
        agent = fleet.cluster(session, name="berlin").agent
    assert (agent.update, agent.words) == ("needed", "it cannot take what its channel has (kept-charts)")


def test_one_that_is_gone_upstream_too_needs_a_person_until_it_is_there_again(world: World) -> None:
    digest = publish(world, "2.2.8")
    world.storage.remove(artifact_path(digest))
    del world.registry.content[CHARTS]["2.2.8"]
    for _ in range(3):
        world.look_after_charts()
        world.wait(3600)
    (need,) = needs(world)
    assert (need.application, need.version) == ("miniflux", "2.2.8")
    assert "could not be fetched again: no https://charts.example.com/stable@sha256:" in need.words
    assert f"put {digest} back, or publish another release" in need.words
    assert need.since == world.now - timedelta(hours=3)
    assert len(world.audit("release.chart_lost")) == 1
    with world.scope() as session:
        assert reads.release(session, application="miniflux", version="2.2.8").chart_lost == need.words
    world.storage.write(artifact_path(digest), b"2.2.8")
    assert world.look_after_charts() == (0, 0)
    assert needs(world) == []


def test_a_repository_that_is_away_is_asked_again(world: World) -> None:
    digest = publish(world, "2.2.8")
    world.storage.remove(artifact_path(digest))
    world.registry.is_down = True
    world.look_after_charts()
    (need,) = needs(world)
    assert "the registry does not answer; tried again within the hour" in need.words
    world.registry.is_down = False
    assert world.look_after_charts() == (1, 0)
    assert needs(world) == []


def test_a_disk_that_is_full_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = publish(world, "2.2.8")
    world.storage.remove(artifact_path(digest))

    def full(name: str, data: bytes) -> None:
        raise Transient(f"cannot write {name}: no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(world.storage, "write", full)
        with pytest.raises(Transient, match="no space left"):
            world.look_after_charts()
    assert world.look_after_charts() == (1, 0)


def test_what_nobody_needs_goes_with_one_line_in_the_log(world: World) -> None:
    """Two withdrawn releases that no channel has go; the one that a channel has stays, and so does one that may be published."""
    digests = {version: publish(world, version) for version in ("2.2.5", "2.2.6", "2.2.7", "2.2.8")}
    for version in ("2.2.5", "2.2.6", "2.2.8"):
        reject(world, version)
    for digest in digests.values():
        age(world, digest)
    assert world.look_after_charts() == (0, 0), "a person may think again, a cluster may be late"
    world.wait(GRACE.total_seconds() + 60)
    assert world.versions("edge") == {"miniflux": "2.2.8"}
    assert world.look_after_charts() == (0, 2)
    assert artifacts_kept(world.storage).keys() == {digests["2.2.7"], digests["2.2.8"]}
    (event,) = world.audit("application.charts_pruned")
    assert event.reason == "charts that no release needs any more: 2.2.5, 2.2.6"
    assert event.data["digests"] == sorted((digests["2.2.5"], digests["2.2.6"]))
    assert world.look_after_charts() == (0, 0)


def test_a_kill_between_the_log_and_the_file_is_made_good(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = publish(world, "2.2.6")
    publish(world, "2.2.7")
    reject(world, "2.2.6")
    age(world, digest)
    world.wait(GRACE.total_seconds() + 60)

    def killed(name: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(world.storage, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            world.look_after_charts()
    assert world.look_after_charts() == (0, 1)
    assert digest not in artifacts_kept(world.storage)


def test_a_chart_that_a_cluster_runs_stays_whatever_became_of_its_release(world: World) -> None:
    digest = publish(world, "2.2.6")
    world.enrol("berlin", channel="edge")
    world.report("berlin", world.about(1, "healthy", "2.2.6", 1, channel="edge", running="2.2.6"))
    publish(world, "2.2.7")
    reject(world, "2.2.6")
    age(world, digest)
    world.wait(GRACE.total_seconds() + 60)
    assert world.look_after_charts() == (0, 0)
    world.report("berlin", world.about(2, "healthy", "2.2.7", 2, channel="edge", running="2.2.7"))
    assert world.look_after_charts() == (0, 1)


def test_two_releases_of_the_same_bytes_keep_one_chart_as_long_as_one_needs_it(world: World) -> None:
    digest = publish(world, "2.2.6")
    world.registry.push(CHARTS, "2.2.7", digest)
    world.registry.content[CHARTS]["2.2.6"] = f"sha256:{'0' * 64}"
    world.registry.push(IMAGE, "2.2.7")
    world.wait(11)
    world.settle()
    reject(world, "2.2.6")
    age(world, digest)
    world.wait(GRACE.total_seconds() + 60)
    assert world.look_after_charts() == (0, 0)


def test_a_failed_release_that_is_rehearsed_again_gets_its_chart_back(world: World) -> None:
    world.harness.verdicts["2.2.6"] = "failed"
    digest = publish(world, "2.2.6")
    publish(world, "2.2.7")
    age(world, digest)
    world.wait(GRACE.total_seconds() + 60)
    assert world.look_after_charts() == (0, 1)
    with world.scope() as session:
        releases.release_requeue(
            session, release_id=world.release("2.2.6").id, reason="try", actor="person:anna", now=world.now
        )
    assert world.look_after_charts() == (1, 0), "the nudge does the same at once"
    assert artifact_is_whole(world.storage, digest)


def test_charts_of_a_removed_application_go_but_for_what_clusters_keep(world: World) -> None:
    digests = [publish(world, version) for version in ("2.2.6", "2.2.7")]
    world.enrol("berlin", channel="edge")
    world.report("berlin", world.about(1, "healthy", "2.2.7", 2, channel="edge", running="2.2.7"))
    with world.scope() as session:
        applications.application_remove(
            session, application="miniflux", reason="gone", actor="person:anna", now=world.now
        )
    for digest in digests:
        age(world, digest)
    world.wait(GRACE.total_seconds() + 60)
    assert world.look_after_charts() == (0, 1)
    assert artifacts_kept(world.storage).keys() == {digests[1]}
    world.report("berlin", world.about(2, "left", "2.2.7", 3, channel="edge", running="2.2.7"))
    assert world.look_after_charts() == (0, 0)
    world.report("berlin", world.about(3, "uninstalled", "2.2.7", 3, channel="edge"))
    assert world.look_after_charts() == (0, 1)


def test_charts_of_registries_are_none_of_ours(world: World) -> None:
    with world.scope() as session:
        applications.application_declare(
            session, declaration=declare(name="other"), suite=None, actor="person:anna", now=world.now
        )
    world.publish_upstream("2.2.8")
    world.settle()
    assert artifacts_kept(world.storage) == {}
    assert world.look_after_charts() == (0, 0)
