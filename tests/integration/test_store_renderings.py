"""What releases render is kept when they are resolved, once for those that render the same, and compared from the database alone."""

import pytest

from control_plane.domain.rendered import RenderedObject
from control_plane.services.comparing import release_compare
from control_plane.services.renderings import rendering_keep, rendering_of
from control_plane.store.models import Release, Rendering
from tests.support.world import IMAGE, World

pytestmark = pytest.mark.services


def test_two_releases_of_the_loop_are_compared(world: World) -> None:
    world.start()
    for version in ("2.2.8", "2.2.16"):
        world.publish_upstream(version)
        world.settle()
    with world.scope() as session:
        found = release_compare(session, application="miniflux", before="2.2.8", after="2.2.16")
    assert [(one.what, one.before[:5], one.after[:6]) for one in found.changes.images] == [(IMAGE, "2.2.8", "2.2.16")]
    (pod,) = found.objects
    assert (pod.kind, pod.change, pod.plus, pod.minus) == ("Pod", "changed", 1, 1)
    assert found.unknown == ""


def test_the_same_rendering_is_kept_once(world: World) -> None:
    world.start()
    for version in ("2.2.8", "2.2.16"):
        world.publish_upstream(version)
        world.settle()
    objects = (RenderedObject(kind="Pod", name="a", text="kind: Pod\n"),)
    with world.scope() as session:
        before = session.query(Rendering).count()
        for release in session.query(Release):
            rendering_keep(session, release, objects, world.now)
    with world.scope() as session:
        assert session.query(Rendering).count() == before + 1
        assert {rendering_of(session, release) for release in session.query(Release)} == {objects}
