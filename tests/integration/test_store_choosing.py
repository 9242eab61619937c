"""Choosing: ages, quarantines, majors, images that move apart, mutable tags; one look for all; the first-seen log."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from control_plane.domain.applications import ChartUpstream, ImageUpstream
from control_plane.domain.errors import InvalidInput, NotFound
from control_plane.domain.versions.policy import Guards, Policy
from control_plane.services.applications import application_declare, application_remove
from control_plane.services.choosing import release_add
from control_plane.services.quarantines import quarantine_add, quarantine_lift
from control_plane.store import models
from tests.support.world import CHART, IMAGE, START, World, declare

pytestmark = pytest.mark.services
FAR = "sha256:" + "f" * 64


def chart(**policy: object) -> ChartUpstream:
    return ChartUpstream(oci=CHART, version=Policy(**policy))  # type: ignore[arg-type]


def releases(world: World) -> dict[str, str]:
    with world.scope() as session:
        return {row.version: row.state for row in session.scalars(select(models.Release).order_by(models.Release.id))}


def choice(world: World) -> str:
    with world.scope() as session:
        return session.scalars(select(models.Application.choice)).one()


def add(world: World, version: str, **images: str) -> str:
    return release_add(
        application="miniflux",
        tags={"chart": version, **images},
        actor="user:anna",
        reader=world.registry,
        clock=world.clock,
        scope=world.scope,
    )


def test_a_version_waits_for_its_age_by_our_own_clock(world: World) -> None:
    world.start(declare(chart=chart(rule=">=2.0.0", guards=Guards(minimum_age_seconds=86400.0))))
    world.publish_upstream("2.2.8")
    world.settle()
    assert releases(world) == {}
    world.wait(86400 - 60)
    world.settle()
    assert releases(world) == {}
    world.wait(62)
    world.settle()
    assert releases(world) == {"2.2.8": "verified"}


def test_a_tag_that_moves_begins_its_age_anew(world: World) -> None:
    world.start(declare(chart=chart(rule=">=2.0.0", guards=Guards(minimum_age_seconds=7200.0))))
    world.publish_upstream("2.2.8")
    world.settle()
    world.registry.push(CHART, "2.2.8", FAR)
    world.wait(7201)
    world.settle()
    assert [event.data["digest"] for event in world.audit("source.tag_moved")] == [FAR]
    assert releases(world) == {}
    world.wait(7201)
    world.settle()
    assert releases(world) == {"2.2.8": "verified"}
    assert world.release("2.2.8").chart_digest == FAR


def test_a_quarantine_keeps_a_version_out_until_it_is_lifted(world: World) -> None:
    world.start()
    with world.scope() as session:
        quarantine_add(
            session,
            application="miniflux",
            pattern="glob:2.3.*",
            reason="CVE in 2.3",
            until=None,
            actor="user:anna",
            now=world.now,
        )
    world.publish_upstream("2.2.8")
    world.publish_upstream("2.3.0")
    world.settle()
    assert releases(world) == {"2.2.8": "verified"}
    with world.scope() as session:
        kept = session.scalars(select(models.Quarantine)).one()
        quarantine_lift(session, quarantine_id=kept.id, reason="mended", actor="user:ben", now=world.now)
    world.settle()
    assert releases(world) == {"2.2.8": "verified", "2.3.0": "verified"}
    with world.scope() as session, pytest.raises(NotFound, match="over already"):
        quarantine_lift(session, quarantine_id=kept.id, reason="again", actor="user:ben", now=world.now)


def test_a_quarantine_ends_by_itself(world: World) -> None:
    world.start()
    with world.scope() as session:
        quarantine_add(
            session,
            application="miniflux",
            pattern="2.3.0",
            reason="wait",
            until=world.now + timedelta(hours=2),
            actor="user:anna",
            now=world.now,
        )
    world.publish_upstream("2.3.0")
    world.settle()
    assert releases(world) == {}
    world.wait(7201)
    world.settle()
    assert releases(world) == {"2.3.0": "verified"}


@pytest.mark.parametrize(
    ("pattern", "reason", "place"),
    [("regexp:(", "why", "pattern"), ("2.3.0", " ", "reason"), ("2.3.0", "why", "until")],
)
def test_a_quarantine_that_is_not_right_says_where(world: World, pattern: str, reason: str, place: str) -> None:
    world.start()
    until = world.now if place == "until" else None
    with world.scope() as session, pytest.raises(InvalidInput) as caught:
        quarantine_add(
            session, application="miniflux", pattern=pattern, reason=reason, until=until, actor="user:a", now=world.now
        )
    assert [mistake.place.field for mistake in caught.value.mistakes] == [place]


def test_a_new_major_is_taken_by_a_person(world: World) -> None:
    world.start(declare(chart=chart(rule="*", guards=Guards(majors="ask"))))
    world.publish_upstream("2.2.8")
    world.settle()
    world.publish_upstream("3.0.0")
    world.settle()
    assert releases(world) == {"2.2.8": "verified"}
    assert add(world, "3.0.0") == "3.0.0"
    world.settle()
    assert releases(world) == {"2.2.8": "verified", "3.0.0": "verified"}
    assert [event.actor for event in world.audit("release.discovered")] == ["tidegate", "user:anna"]
    world.publish_upstream("3.1.0")
    world.settle()
    assert releases(world)["3.1.0"] == "verified"


def test_a_person_cannot_add_what_is_not_there(world: World) -> None:
    world.start()
    world.publish_upstream("2.2.8")
    world.settle()
    with pytest.raises(InvalidInput, match=r"has the release 2\.2\.8 already"):
        add(world, "2.2.8")
    with pytest.raises(NotFound):
        add(world, "9.9.9")
    with pytest.raises(InvalidInput, match="no upstream 'wep'"):
        add(world, "2.2.8", wep="1")
    assert releases(world) == {"2.2.8": "verified"}


def test_an_image_that_moves_apart_makes_releases_of_its_own_and_its_tag_is_set(world: World) -> None:
    image = ImageUpstream(name=IMAGE, alias="web", tag=">=1.0.0", set=("image.tag",))
    world.start(declare(images=(image,), values={"image": {"pullPolicy": "Always"}}))
    world.registry.push(CHART, "2.2.8")
    world.registry.push(IMAGE, "2.2.8")
    world.registry.push(IMAGE, "2.3.0")
    world.settle()
    assert releases(world) == {"2.2.8+web.2.3.0": "verified"}
    assert world.release("2.2.8+web.2.3.0").manifest["values"] == {"image": {"pullPolicy": "Always", "tag": "2.3.0"}}  # type: ignore[index]
    world.registry.push(IMAGE, "2.3.1")
    world.wait(12)
    world.settle()
    assert list(releases(world)) == ["2.2.8+web.2.3.0", "2.2.8+web.2.3.1"]


def test_a_mutable_tag_is_followed_by_its_digest(world: World) -> None:
    world.start(declare(chart=chart(dialect="argocd-digest", rule="latest", digest=True), images=()))
    world.registry.push(IMAGE, "latest")
    world.registry.push(CHART, "latest")
    world.settle()
    assert list(releases(world).values()) == ["verified"]
    world.registry.push(CHART, "latest", FAR)
    world.wait(12)
    world.settle()
    assert list(releases(world))[1:] == ["latest+ffffffff"]
    assert world.versions("edge") == {"miniflux": "latest+ffffffff"}


def test_applications_that_name_a_place_share_one_look(world: World) -> None:
    for name in ("miniflux", "second", "third"):
        with world.scope() as session:
            application_declare(
                session, declaration=declare(name=name, images=()), suite=None, actor="user:a", now=world.now
            )
    world.registry.push(IMAGE, "2.2.8")
    world.registry.push(CHART, "2.2.8")
    world.settle()
    with world.scope() as session:
        assert session.scalar(select(func.count()).select_from(models.Source)) == 1
        assert session.scalar(select(func.count()).select_from(models.Release)) == 3
    before = world.registry.asked
    world.wait(12)
    world.settle()
    assert world.registry.asked - before == 1


def test_a_place_that_nobody_names_any_more_is_left_alone(world: World) -> None:
    world.start(declare(images=()))
    world.settle()
    with world.scope() as session:
        application_remove(session, application="miniflux", reason="gone", actor="user:a", now=world.now)
    before = world.registry.asked
    world.wait(1000)
    world.settle()
    assert world.registry.asked == before


def test_cron_says_when_a_place_is_looked_at(world: World) -> None:
    world.registry.push(CHART, "2.2.8")
    world.start(declare(cron="0 3 * * *", zone="Europe/Amsterdam", images=()))
    world.settle()
    with world.scope() as session:
        due = session.scalars(select(models.Source.next_look_at)).one()
    assert due == START.replace(hour=2) + timedelta(days=1)
