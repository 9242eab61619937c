"""A database restored from a backup that is older than the signed files: clusters never go back, so it counts on from what they have."""

from typing import Any

import pytest
from sqlalchemy import Engine

from control_plane.services.channel_files import channels_reconcile
from control_plane.store.base import Base
from tests.support.world import World

pytestmark = pytest.mark.services


def backup(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    with engine.connect() as connection:
        return {
            table.name: [dict(row._mapping) for row in connection.execute(table.select())]
            for table in Base.metadata.sorted_tables
        }


def restore(engine: Engine, rows: dict[str, list[dict[str, Any]]]) -> None:
    with engine.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())
        for table in Base.metadata.sorted_tables:
            if rows[table.name]:
                connection.execute(table.insert(), rows[table.name])


def reconcile(world: World) -> None:
    channels_reconcile(repository=world.repository, clock=world.clock, scope=world.scope)


def arrives(world: World, version: str) -> None:
    world.publish_upstream(version)
    world.settle()
    world.wait(11)


def signed(world: World) -> dict[str, int]:
    return {channel.name: channel.generation for channel in world.repository.state(world.now).channels}


def test_generations_of_the_files_are_taken_over_and_counted_on(world: World) -> None:
    world.start()
    arrives(world, "2.2.8")
    before = backup(world.engine)
    arrives(world, "2.2.10")
    arrives(world, "2.2.12")
    files = {name: world.storage.read(f"metadata/{name}") for name in world.storage.names("metadata")}
    restore(world.engine, before)

    reconcile(world)
    assert world.channel("edge").generation == signed(world)["edge"] == 3
    assert world.versions("edge") == {"miniflux": "2.2.12"}
    assert {name: world.storage.read(f"metadata/{name}") for name in world.storage.names("metadata")} == files
    [event] = world.audit("channel.taken_over")
    assert "restored from an older backup" in event.reason

    reconcile(world)
    assert len(world.audit("channel.taken_over")) == 1
    arrives(world, "2.2.14")
    assert world.channel("edge").generation == signed(world)["edge"] >= 4
    assert world.versions("edge") == {"miniflux": "2.2.14"}


def test_lost_files_are_made_again_from_the_database_and_the_keys(world: World) -> None:
    world.start()
    arrives(world, "2.2.8")
    before = world.storage.read("metadata/1.root.json")
    for path in sorted(world.storage.root.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    reconcile(world)
    assert (signed(world)["edge"], world.storage.read("metadata/1.root.json")) == (1, before)
    assert world.audit("channel.taken_over") == []
