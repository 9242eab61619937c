"""From a registry's notification to the upstream that is looked at: on SQLite and PostgreSQL alike."""

import json

import pytest

from control_plane.services import sources
from control_plane.upstreams.webhooks import named_places
from tests.support.world import CHART, World

pytestmark = pytest.mark.services


@pytest.mark.parametrize(
    ("body", "looked_at"),
    [
        ({"repository": CHART}, 1),
        ({"events": [{"target": {"repository": CHART.partition("/")[2]}, "request": {"host": "127.0.0.1:5000"}}]}, 1),
        ({"events": [{"target": {"repository": "somebody/else"}, "request": {"host": "127.0.0.1:5000"}}]}, 0),
        ({"repository": CHART.rpartition("/")[2][1:]}, 0),
    ],
)
def test_a_notification_nudges_the_upstreams_it_names_and_no_others(world: World, body: object, looked_at: int) -> None:
    world.start()
    with world.scope() as session:
        named = named_places("registry", {}, json.dumps(body).encode())
        assert len(sources.source_nudge(session, places=named, now=world.now)) == looked_at
