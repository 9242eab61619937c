"""Clusters: join tokens, enrolment, reports in any order and number, silence."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from cluster_agent.contract import decode_join_token, sha256_hex
from control_plane.domain.errors import InvalidInput, Refused
from control_plane.services import clusters
from control_plane.services.rollouts import rollout_review
from control_plane.store import models
from tests.support.world import World

pytestmark = pytest.mark.services


@pytest.fixture
def edge(world: World) -> World:
    """A world whose edge has 2.2.8."""
    world.start()
    world.publish_upstream("2.2.8")
    world.settle()
    return world


def refusal(world: World, token: str, name: str, key: str) -> str:
    with pytest.raises(Refused) as caught:
        world.use_token(token, name, key)
    return caught.value.code


def test_a_token_becomes_one_key(edge: World) -> None:
    token = edge.enrol("home", "edge", key="a2V5")
    edge.use_token(token, "home", "a2V5")
    assert refusal(edge, token, "home", "b3RoZXI=") == "token_used"
    assert len(edge.audit("cluster.enrolled")) == 1
    with edge.scope() as session:
        stored = session.scalars(select(models.JoinToken)).one()
        assert stored.secret_sha256 == sha256_hex(decode_join_token(token).secret.encode())


def test_a_token_of_another_cluster_time_or_place_is_refused(edge: World) -> None:
    edge.enrol("home", "edge")
    with edge.scope() as session:
        token = clusters.cluster_add(
            session, name="shop", channel="edge", root_sha256="0" * 64, actor="person:anna", now=edge.now
        )
        renewed = clusters.cluster_token_renew(
            session, name="shop", root_sha256="0" * 64, actor="person:anna", now=edge.now, lifetime_seconds=60
        )
    assert refusal(edge, token, "shop", "a2V5") == "token_unknown"
    assert refusal(edge, renewed, "home", "a2V5") == "token_wrong_cluster"
    edge.wait(61)
    assert refusal(edge, renewed, "shop", "a2V5") == "token_expired"


@pytest.mark.parametrize("seconds", [0.0, -1.0, 1e300, float("nan"), float("inf")])
def test_a_token_lives_for_some_time_and_not_for_ever(edge: World, seconds: float) -> None:
    with pytest.raises(InvalidInput, match="at most 30 days"), edge.scope() as session:
        clusters.cluster_add(
            session,
            name="shop",
            channel="edge",
            root_sha256="",
            actor="person:anna",
            now=edge.now,
            lifetime_seconds=seconds,
        )


@pytest.mark.parametrize("name", ["", "Home", "a b", "-a", "a-", "ä", "a" * 64])
def test_a_name_that_is_no_label_is_refused(edge: World, name: str) -> None:
    with pytest.raises(InvalidInput, match="cluster's name"), edge.scope() as session:
        clusters.cluster_add(session, name=name, channel="edge", root_sha256="", actor="person:anna", now=edge.now)


def test_a_new_key_starts_its_reports_anew(edge: World) -> None:
    edge.enrol("home", "edge")
    edge.report("home", edge.about(7, "healthy", "2.2.8", 1, channel="edge"))
    with edge.scope() as session:
        token = clusters.cluster_token_renew(
            session, name="home", root_sha256="0" * 64, actor="person:anna", now=edge.now
        )
    edge.use_token(token, "home", "bmV3")
    assert edge.report("home", edge.about(1, "rolled_back", "2.2.8", 1, channel="edge")) == 1
    with edge.scope() as session:
        assert session.scalars(select(models.AgentReport.sequence)).all() == [7, 1]


def test_a_batch_again_and_out_of_order_counts_once(edge: World) -> None:
    edge.enrol("home", "edge")
    batch = [
        edge.about(2, "healthy", "2.2.8", 1, channel="edge"),
        edge.about(1, "applying", "2.2.8", 1, channel="edge"),
    ]
    assert edge.report("home", *batch) == 2
    assert edge.report("home", *batch, batch[0]) == 2
    with edge.scope() as session:
        assert session.scalars(select(models.AgentReport.sequence)).all() == [1, 2]
        assert session.scalars(select(models.Installation.outcome)).all() == ["healthy"]
    assert edge.rollout("edge").state == "completed"


def test_an_older_generation_never_changes_a_newer_rollout(edge: World) -> None:
    edge.enrol("home", "edge")
    edge.wait(12)
    edge.publish_upstream("2.2.16")
    edge.settle()
    edge.report("home", edge.about(1, "failed", "2.2.8", 1, channel="edge"))
    assert edge.rollout("edge").state == "rolling"
    edge.report("home", edge.about(2, "healthy", "2.2.8", 1, channel="edge"))
    assert edge.rollout("edge").state == "rolling"
    edge.report("home", edge.about(3, "healthy", "2.2.16", 2, channel="edge"))
    assert edge.rollout("edge").state == "completed"


def test_one_silent_cluster_freezes_nobody(edge: World) -> None:
    edge.enrol("home", "edge")
    edge.enrol("cellar", "edge", key="Y2VsbGFy")
    edge.report("home", edge.about(1, "healthy", "2.2.8", 1, channel="edge"))
    assert edge.rollout("edge").state == "rolling"
    edge.wait(601)
    edge.report("home")
    assert edge.rollout("edge").state == "completed"


def test_a_review_completes_what_nobody_reports_about(edge: World) -> None:
    edge.enrol("home", "edge")
    with edge.scope() as session:
        rollout_review(session, rollout_id=edge.rollout("edge").id, now=edge.now, silent_after_seconds=600)
    assert edge.rollout("edge").state == "rolling"


def test_a_removed_cluster_is_gone_and_the_others_count(edge: World) -> None:
    edge.enrol("home", "edge")
    edge.report("home", edge.about(1, "healthy", "2.2.8", 1, channel="edge"))
    with edge.scope() as session:
        clusters.cluster_remove(session, name="home", reason="sold", actor="person:anna", now=edge.now)
    with edge.scope() as session:
        assert clusters.cluster_public_key(session, name="home") is None
        assert session.scalars(select(models.AgentReport)).all() == []


def test_the_rollout_file_lets_everybody_in_and_a_halt_nobody(edge: World) -> None:
    from cluster_agent.contract.rollout import opens_for
    from control_plane.services.channel_files import rollout_file
    from control_plane.services.rollouts import rollout_halt

    rollout = edge.rollout("edge")
    file = rollout_file(rollout, "edge", edge.now)
    assert file.halted is None
    opened = [opens_for(file, f"cluster-{number}") for number in range(200)]
    # By a clock that is a month behind, which no signed file outlives, it is open all the same.
    assert all(opens is not None and opens < edge.now - timedelta(days=30) for opens in opened)
    with edge.scope() as session:
        halted = rollout_halt(session, rollout_id=rollout.id, reason="wait", actor="person:anna", now=edge.now)
        file = rollout_file(halted, "edge", edge.now)
    assert file.halted is not None
    assert file.halted.reason == "wait"
