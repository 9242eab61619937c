"""What people recalled from a channel, or rejected for it, does not come back by itself; approvals given before count no more."""

import pytest

from control_plane.domain.applications import ChannelRule
from control_plane.domain.errors import Refused, TidegateError
from control_plane.services import applications, promotions, publications, releases
from control_plane.services.promotion_facts import promotion_guards
from control_plane.store import lookups, models
from tests.support.world import World, declare

pytestmark = pytest.mark.services

TWO_AGREE = (
    ChannelRule(name="edge"),
    ChannelRule(name="stable", after="edge", soak_seconds=60.0, approvals=2),
)


def remove_and_declare_again(world: World, **changes: object) -> None:
    with world.scope() as session:
        applications.application_remove(
            session, application="miniflux", reason="gone", actor="person:anna", now=world.now
        )
    world.settle()
    world.start(declare(**changes))
    world.settle()


def soak(world: World, version: str) -> None:
    """Publish a version in edge and let it soak there."""
    world.publish_upstream(version)
    world.settle()
    world.wait(61)
    world.settle()


def bring(world: World, version: str) -> None:
    """Publish a version in edge, and in stable with Ben's approval."""
    soak(world, version)
    world.approve(version)
    world.settle()
    assert world.versions("stable") == {"miniflux": version}


def recall(world: World, channel: str) -> None:
    with world.scope() as session:
        publications.channel_recall(
            session, channel=channel, application="miniflux", reason="CVE", actor="person:anna", now=world.now
        )
    world.settle()


def reject(world: World, version: str) -> None:
    promotion = world.promotion(version, "stable")
    with world.scope() as session:
        promotions.promotion_reject(
            session,
            promotion_id=promotion.id,
            release_digest=promotion.release_digest,
            actor="person:carl",
            now=world.now,
        )


def propose(world: World, version: str) -> models.Promotion:
    """A person proposes a release for stable once more."""
    with world.scope() as session:
        release_id = lookups.release_of(session, "miniflux", version).id
        return promotions.promotion_offer(
            session, release_id=release_id, channel="stable", actor="person:anna", reason="fixed", now=world.now
        )


@pytest.mark.parametrize("channel", ["edge", "stable"])
def test_what_was_recalled_does_not_come_back_with_its_application(world: World, channel: str) -> None:
    world.start()
    bring(world, "2.2.8")
    bring(world, "2.2.16")
    recall(world, channel)
    remove_and_declare_again(world)
    assert world.versions("edge") == {"miniflux": "2.2.8"}
    world.wait(61)
    world.settle()
    assert world.versions("stable") == {"miniflux": "2.2.8"}, "that one was approved and never turned away"


def test_what_a_person_brought_back_counts_as_any_other_release(world: World) -> None:
    world.start()
    bring(world, "2.2.8")
    bring(world, "2.2.16")
    recall(world, "stable")
    propose(world, "2.2.16")
    world.approve("2.2.16", actor="person:dora")
    world.settle()
    assert world.versions("stable") == {"miniflux": "2.2.16"}
    remove_and_declare_again(world)
    world.wait(61)
    world.settle()
    assert (world.versions("edge"), world.versions("stable")) == ({"miniflux": "2.2.16"}, {"miniflux": "2.2.16"})


def test_what_was_rejected_for_a_channel_is_not_proposed_for_it_again(world: World) -> None:
    world.start(declare(channels=TWO_AGREE))
    soak(world, "2.2.8")
    world.approve("2.2.8", actor="person:ben")
    reject(world, "2.2.8")
    remove_and_declare_again(world, channels=(ChannelRule(name="edge"), ChannelRule(name="stable", after="edge")))
    assert world.versions("edge") == {"miniflux": "2.2.8"}
    assert world.promotion("2.2.8", "stable").state == "rejected"
    assert world.channel("stable").generation == 0


def test_approvals_from_before_a_recall_count_no_more(world: World) -> None:
    world.start()
    bring(world, "2.2.8")
    bring(world, "2.2.16")
    recall(world, "stable")
    again = propose(world, "2.2.16")
    assert (again.state, again.state_reason) == ("awaiting_approval", "needs 1 of 1 approvals")
    world.approve("2.2.16", actor="person:dora")
    assert world.promotion("2.2.16", "stable").state == "approved"


def test_only_what_is_verified_and_not_there_is_proposed_by_a_person_with_a_reason(world: World) -> None:
    world.start()
    bring(world, "2.2.8")
    with pytest.raises(Refused, match=r"2\.2\.8 is published in stable already"):
        propose(world, "2.2.8")
    world.publish_upstream("2.2.10")
    with world.scope() as session:
        release_id = lookups.release_of(session, "miniflux", "2.2.8").id
        for channel, reason, words in (("stable", " ", "say why"), ("nightly", "x", "nightly")):
            with pytest.raises(TidegateError, match=words):
                promotions.promotion_offer(
                    session, release_id=release_id, channel=channel, actor="person:anna", reason=reason, now=world.now
                )
        releases.release_withdraw(session, release_id=release_id, reason="old", actor="person:anna", now=world.now)
        with pytest.raises(Refused, match="only a verified release"):
            promotions.promotion_offer(
                session, release_id=release_id, channel="edge", actor="person:anna", reason="x", now=world.now
            )


def test_approvals_from_before_a_rejection_count_no_more(world: World) -> None:
    world.start(declare(channels=TWO_AGREE))
    soak(world, "2.2.8")
    world.approve("2.2.8", actor="person:ben")
    reject(world, "2.2.8")
    assert propose(world, "2.2.8").state_reason == "needs 2 of 2 approvals"


def test_an_approval_of_an_earlier_promotion_that_counts_can_be_revoked(world: World) -> None:
    world.start(declare(channels=TWO_AGREE))
    soak(world, "2.2.8")
    world.approve("2.2.8", actor="person:ben")
    remove_and_declare_again(world, channels=TWO_AGREE)
    world.wait(61)
    world.settle()
    promotion = world.promotion("2.2.8", "stable")
    assert promotion.state_reason == "needs 1 of 2 approvals; approved by person:ben"
    world.approve("2.2.8", actor="person:ben")
    assert len(world.audit("promotion.approval_granted")) == 1, "it stands already"
    with world.scope() as session:
        promotions.promotion_revoke(
            session,
            promotion_id=promotion.id,
            release_digest=promotion.release_digest,
            actor="person:ben",
            now=world.now,
        )
    with world.scope() as session:
        row = lookups.get(session, models.Promotion, promotion.id)
        words = {guard.name: guard.words for guard in promotion_guards(session, promotion=row, now=world.now)}
    assert words["approved"] == "needs 2 of 2 approvals"
    with pytest.raises(Refused, match="no approval here"), world.scope() as session:
        promotions.promotion_revoke(
            session,
            promotion_id=promotion.id,
            release_digest=promotion.release_digest,
            actor="person:ben",
            now=world.now,
        )
