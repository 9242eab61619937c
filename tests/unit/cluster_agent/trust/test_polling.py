"""What a poll costs and answers when nobody attacks."""

from datetime import timedelta

import msgspec
import pytest

from cluster_agent.contract import Halt, sha256_hex
from cluster_agent.errors import Unreachable, Untrusted
from cluster_agent.trust import DirectoryStore, News, NothingPublished, TrustedChannel, Unchanged

HOUR = timedelta(hours=1)


def test_the_first_poll_brings_the_manifest_and_its_rollout(world):
    news = world.poll()
    assert isinstance(news, News)
    assert (news.manifest.generation, news.rollout.generation) == (1, 1)
    assert news.manifest_sha256 == world.file("targets/channels/stable/*").name.split(".")[0]


def test_nothing_new_is_one_conditional_request_and_no_write(world):
    world.poll()
    saved = (world.folder / "agent" / "trusted.json").stat()
    world.site.requests.clear()
    assert world.poll() == Unchanged(1)
    assert world.site.requests == [("metadata/timestamp.json", 304)]
    assert (world.folder / "agent" / "trusted.json").stat().st_mtime_ns == saved.st_mtime_ns


def test_a_restarted_agent_still_asks_only_once_and_still_knows_its_state(world):
    before = world.poll()
    world.agent = world.new_agent()
    world.site.requests.clear()
    assert world.agent.current() == before
    assert world.poll() == Unchanged(1)
    assert world.site.requests == [("metadata/timestamp.json", 304)]


def test_a_server_without_tags_is_compared_by_bytes(world):
    world.site.tags = False
    world.poll()
    world.site.requests.clear()
    assert world.poll() == Unchanged(1)
    assert world.site.requests == [("metadata/timestamp.json", 200)]


def test_a_new_generation_and_a_halted_rollout_are_news(world):
    world.poll()
    world.publish(2)
    assert world.poll().manifest.generation == 2
    halted = msgspec.structs.replace(world.agent.current().rollout, halted=Halt(reason="it breaks", since=world.now))
    world.repository.publish_rollout(halted, now=world.now)
    news = world.poll()
    assert (news.manifest.generation, news.rollout.halted.reason) == (2, "it breaks")


def test_a_renewed_timestamp_is_no_news(world):
    world.poll()
    world.now += 13 * HOUR
    assert world.repository.renew(world.now) == ["snapshot", "timestamp"]
    assert world.poll() == Unchanged(1)


def test_another_channels_change_is_no_news(world):
    world.poll()
    edge = msgspec.structs.replace(world.agent.current().manifest, channel="edge", generation=7)
    world.repository.publish_channel(edge, now=world.now)
    assert world.poll() == Unchanged(1)


def test_everything_is_verified_again_once_a_day_and_once_before_the_timestamp_expires(world):
    world.poll()
    statuses = []
    for hours in (22.5, 0.6, 0.1, 0.1):  # the timestamp lives 24 hours
        world.now += hours * HOUR
        world.site.requests.clear()
        assert world.poll() == Unchanged(1)
        statuses.append(world.site.requests[0][1])
    assert statuses == [304, 200, 304, 304]
    world.repository.renew(world.now)
    world.poll()
    world.now += 24 * HOUR
    world.repository.renew(world.now)
    world.site.requests.clear()
    assert world.poll() == Unchanged(1)
    assert world.site.requests[0][1] == 200


def test_a_channel_without_a_generation_says_so(world):
    assert world.poll("edge") == NothingPublished()
    assert world.poll("edge") == NothingPublished()
    assert world.agent.current() is None


def test_a_channel_that_does_not_exist_is_named_with_those_that_do(world):
    with pytest.raises(Untrusted, match="no channel 'beta'; it has: edge, stable") as caught:
        world.poll("beta")
    assert caught.value.code == "wrong_channel"


def test_changing_channels_keeps_the_mark_of_each(world):
    world.publish(5)
    world.poll()
    edge = msgspec.structs.replace(world.agent.current().manifest, channel="edge", generation=2)
    world.repository.publish_channel(edge, now=world.now)
    assert world.poll("edge").manifest.generation == 2
    assert world.poll("stable").manifest.generation == 5


def test_root_must_be_the_one_that_the_join_token_names(world):
    root = world.repository.first_root()
    arguments = {
        "root": root,
        "store": DirectoryStore(world.folder / "x"),
        "base_url": world.site.url,
        "client": world.client,
    }
    TrustedChannel(**arguments, root_sha256=sha256_hex(root))
    with pytest.raises(Untrusted) as caught:
        TrustedChannel(**arguments, root_sha256="0" * 64)
    assert caught.value.code == "wrong_digest"


def test_enrolling_anew_elsewhere_forgets_what_the_former_publisher_signed(world, new_world, tmp_path):
    world.publish(9)
    world.poll()
    other = new_world(tmp_path / "other")
    other.publish(1)
    other.agent = other.new_agent(DirectoryStore(world.folder / "agent"))
    assert other.agent.current() is None
    assert other.poll().manifest.generation == 1


def test_server_trouble_is_unreachable_and_leaves_everything_as_it_was(world):
    world.poll()
    for status, hint in (
        (500, "server has a problem"),
        (503, "server"),
        (404, "address"),
        (302, "redirects"),
        (403, "sign-in"),
    ):
        world.site.answers = {"timestamp.json": lambda handler, s=status: handler.reply(s, b"no", Retry_After="77")}
        with pytest.raises(Unreachable, match=hint) as caught:
            world.poll()
        assert caught.value.retry_after == 77
    world.site.answers = {}
    assert world.poll() == Unchanged(1)


def test_trouble_in_the_middle_of_a_refresh_is_unreachable_and_the_next_poll_succeeds(world):
    world.poll()
    world.publish(2)
    for file in (".snapshot.json", ".stable.json", ".rollouts.json", ".manifest.json", "2.targets.json", ".root.json"):
        world.site.answers = {file: lambda handler: handler.reply(500, b"no")}
        if file == "2.targets.json":
            continue  # it has not changed, so nobody asks for it
        with pytest.raises(Unreachable, match="500"):
            world.poll()
        assert world.agent.current().manifest.generation == 1
    world.site.answers = {}
    assert world.poll().manifest.generation == 2


def test_no_server_at_all_is_unreachable_and_names_the_address(world):
    agent = TrustedChannel(
        root=world.repository.first_root(),
        store=DirectoryStore(world.folder / "x"),
        base_url="http://127.0.0.1:9",
        client=world.client,
    )
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"):
        agent.poll("stable", world.now)
