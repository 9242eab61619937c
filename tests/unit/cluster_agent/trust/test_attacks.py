"""Every way we could think of to make an agent believe a lie. Each must be refused by its name, and change nothing."""

import itertools
import json
import shutil
from datetime import timedelta

import msgspec
import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata

from cluster_agent.contract import canonical_json, sha256_hex
from cluster_agent.contract.manifest import TooNew
from cluster_agent.errors import Unreachable, Untrusted
from cluster_agent.trust import Unchanged


def refused(world, code, match=None):
    """Poll, expect refusal with ``code``, and check that the agent still stands where it stood."""
    before = world.agent.current()
    stored = (world.folder / "agent" / "trusted.json").read_bytes() if before else None
    with pytest.raises(Untrusted, match=match) as caught:
        world.poll()
    assert caught.value.code == code, caught.value
    assert world.agent.current() == before
    assert world.new_agent().current() == before
    if stored:
        assert (world.folder / "agent" / "trusted.json").read_bytes() == stored


@pytest.fixture
def settled(world):
    """The agent has accepted generation 1; generation 2 is published and not yet seen. ``old`` holds the files before."""
    world.poll()
    shutil.copytree(world.site.root, world.folder / "old")
    world.publish(2)
    return world


def test_an_unsigned_manifest_is_refused(settled):
    role = settled.file("metadata/*.stable.json")
    content = json.loads(role.read_bytes())
    content["signatures"] = []
    role.write_text(json.dumps(content))
    refused(settled, "unsigned")


def test_a_changed_role_with_its_old_signature_is_refused(settled):
    role = settled.file("metadata/*.stable.json")
    content = json.loads(role.read_bytes())
    content["signed"]["targets"]["channels/stable/manifest.json"]["custom"]["generation"] = 3
    role.write_text(json.dumps(content))
    refused(settled, "unsigned")


@pytest.mark.parametrize("role", ["stable", "rollouts", "snapshot", "timestamp"])
def test_a_signature_by_another_key_does_not_count(settled, role):
    file = settled.file("metadata/timestamp.json" if role == "timestamp" else f"metadata/*.{role}.json")
    metadata = Metadata.from_bytes(file.read_bytes())
    metadata.sign(CryptoSigner.generate_ed25519())
    file.write_bytes(metadata.to_bytes())
    refused(settled, "unsigned")


def test_a_swapped_manifest_is_refused(settled):
    target = settled.file("targets/channels/stable/*")
    forged = msgspec.structs.replace(
        msgspec.json.decode(target.read_bytes(), type=type(settled.agent.current().manifest)), generation=3
    )
    target.write_bytes(canonical_json(forged))
    refused(settled, "wrong_digest")


def test_a_truncated_manifest_is_refused(settled):
    target = settled.file("targets/channels/stable/*")
    target.write_bytes(target.read_bytes()[:-10])
    refused(settled, "wrong_digest")


def test_a_longer_manifest_is_refused(settled):
    target = settled.file("targets/channels/stable/*")
    target.write_bytes(target.read_bytes() + b" " * 10)
    with pytest.raises(Untrusted):
        settled.poll()


def test_an_older_timestamp_put_back_is_refused(settled):
    settled.poll()
    shutil.copy(settled.folder / "old/metadata/timestamp.json", settled.site.root / "metadata/timestamp.json")
    refused(settled, "rollback_attack")


@pytest.mark.parametrize("role", ["snapshot", "stable", "rollouts"])
def test_an_older_role_under_a_newer_name_is_refused(settled, role):
    older = max((settled.folder / "old/metadata").glob(f"*.{role}.json"))
    shutil.copy(older, settled.file(f"metadata/*.{role}.json"))
    refused(settled, "rollback_attack")


def test_the_whole_former_state_put_back_is_refused(settled):
    settled.poll()
    settled.site.root = settled.folder / "old"
    refused(settled, "rollback_attack")


def test_an_older_generation_is_refused_even_when_validly_signed(settled):
    settled.poll()
    hacked = settled.publisher_into(settled.folder / "hacked")
    hacked.initialise(now=settled.now + timedelta(minutes=5))
    settled.publish(1, repository=hacked)
    settled.site.root = settled.folder / "hacked"
    refused(settled, "rollback_attack", "generation 1, but generation 2 was accepted before")


def test_the_same_generation_with_other_content_is_refused_even_when_validly_signed(settled):
    news = settled.poll()
    hacked = settled.publisher_into(settled.folder / "hacked")
    hacked.initialise(now=settled.now + timedelta(minutes=5))
    other = msgspec.structs.replace(news.manifest, created=settled.now)
    hacked.publish_channel(other, now=settled.now + timedelta(minutes=5))
    settled.site.root = settled.folder / "hacked"
    refused(settled, "rollback_attack", "other content")


def test_an_emptied_channel_is_refused_even_when_validly_signed(settled):
    settled.poll()
    hacked = settled.publisher_into(settled.folder / "hacked")
    hacked.initialise(now=settled.now + timedelta(minutes=5))
    settled.site.root = settled.folder / "hacked"
    refused(settled, "rollback_attack", "empty")


def test_a_repository_of_other_keys_is_refused(settled, new_world, tmp_path):
    agent = settled.agent
    other = new_world(tmp_path / "other")
    other.publish(9)
    with pytest.raises(Untrusted) as caught:
        agent.poll("stable", other.now)
    assert caught.value.code == "unsigned"


def test_an_expired_timestamp_is_refused_with_both_times(settled):
    settled.poll()
    settled.now += timedelta(hours=25)
    refused(
        settled, "expired", r"timestamp.json expired at 2026-11-22 12:00:00 UTC .* clock says 2026-11-22 13:00:00 UTC"
    )
    settled.repository.renew(settled.now)
    assert settled.poll() == Unchanged(2)


def test_an_expired_timestamp_is_refused_by_an_agent_that_has_seen_nothing(settled):
    settled.now += timedelta(hours=25)
    settled.agent = settled.fresh_agent()
    with pytest.raises(Untrusted, match=r"timestamp\.json expired at 2026-11-22 12:00:00") as caught:
        settled.poll()
    assert caught.value.code == "expired"


def test_an_expired_snapshot_is_refused_although_the_timestamp_lives(settled):
    hacked = settled.publisher_into(settled.site.root)
    settled.now += timedelta(days=8)
    tree_now = settled.now
    metadata = Metadata.from_bytes(settled.file("metadata/timestamp.json").read_bytes())
    metadata.signed.expires = tree_now + timedelta(days=1)
    metadata.signed.version += 1
    metadata.sign(hacked.keys.online_signers()[0])
    settled.file("metadata/timestamp.json").write_bytes(metadata.to_bytes())
    refused(settled, "expired", "snapshot.json expired at 2026-11-28 12:00:00 UTC")


def test_a_wrong_clock_is_said_with_both_clocks(settled):
    settled.poll()
    true_time = settled.now + timedelta(hours=24)
    settled.repository.renew(settled.now + timedelta(hours=23))
    settled.site.date = true_time
    wrong = settled.now + timedelta(hours=72)
    with pytest.raises(
        Untrusted,
        match=r"48 h 0 min ahead of the server's clock \(2026-11-22 12:00:00 UTC\): set the one that is wrong",
    ):
        settled.agent.poll("stable", wrong)
    assert settled.agent.clock_skew == timedelta(hours=48)
    assert settled.agent.poll("stable", true_time) == Unchanged(2)


def test_a_clock_wrong_by_an_hour_that_expires_nothing_changes_nothing(settled):
    settled.site.date = settled.now
    assert settled.agent.poll("stable", settled.now + timedelta(hours=1)).manifest.generation == 2
    assert settled.agent.clock_skew == timedelta(hours=1)


@pytest.mark.parametrize("file", ["timestamp.json", ".snapshot.json", ".stable.json", ".root.json"])
def test_a_truncated_metadata_file_is_refused(settled, file):
    def half(handler):
        name = "metadata/1.root.json" if file == ".root.json" else handler.path[1:]
        body = (settled.site.root / name).read_bytes()
        return handler.reply(200, body[: len(body) // 2])

    settled.site.answers = {file: half}
    refused(settled, "malformed")


def test_an_answer_that_breaks_off_is_unreachable(settled):
    settled.site.answers = {
        "timestamp.json": lambda handler: handler.reply(200, b"{", Content_Length="100", Connection="close")
    }
    settled.site.answers["timestamp.json"] = _break_off
    with pytest.raises(Unreachable):
        settled.poll()


def _break_off(handler):
    handler.close_connection = True
    return handler.reply(200, b"{", Content_Length="100")


@pytest.mark.parametrize("file", ["timestamp.json", ".snapshot.json", ".stable.json", ".root.json"])
def test_a_web_page_is_refused_and_named(settled, file):
    settled.site.answers = {
        file: lambda handler: handler.reply(200, b"<html>Sign in</html>", Content_Type="text/html; charset=utf-8")
    }
    refused(settled, "malformed", "web page")


def test_a_web_page_in_place_of_the_manifest_is_refused(settled):
    settled.site.answers = {".manifest.json": lambda handler: handler.reply(200, b"<html>Sign in</html>")}
    refused(settled, "wrong_digest")


@pytest.mark.parametrize("file", ["timestamp.json", ".snapshot.json", ".stable.json", ".manifest.json"])
def test_an_endless_answer_is_cut_off(settled, file):
    sent = itertools.count()

    def endless(handler):
        handler.close_connection = True
        handler.send_response_only(200)
        handler.end_headers()
        while next(sent) < 2000:  # of 64 KiB
            handler.wfile.write(b" " * 65536)
        return 200

    settled.site.answers = {file: endless}
    refused(settled, "malformed")
    assert next(sent) < 500


def test_another_channels_manifest_is_refused_even_when_validly_signed(settled):
    data = canonical_json(msgspec.structs.replace(settled.agent.current().manifest, channel="edge", generation=9))
    _sign_document(settled, data)
    refused(settled, "wrong_channel", "one of channel edge")


def test_a_format_of_the_future_is_refused_and_says_to_update(settled):
    content = json.loads(canonical_json(settled.agent.current().manifest)) | {"format": 3, "generation": 9}
    _sign_document(settled, json.dumps(content).encode())
    refused(settled, "unknown_format", "format 3, this agent reads format 1 and 2: update the agent")


def test_an_application_of_the_future_is_told_apart_from_those_that_can_be_taken(settled):
    content = json.loads(canonical_json(settled.agent.current().manifest)) | {"format": 2, "generation": 9}
    future = {"name": "later", "release": "9.0.0", "requires": ["time-travel"], "kind": "quantum"}
    _sign_document(settled, json.dumps(content | {"applications": [future]}).encode())
    news = settled.poll()
    assert (news.manifest.generation, news.manifest.applications) == (9, ())
    assert news.too_new == (TooNew("later", "9.0.0", ("time-travel",)),)
    assert settled.new_agent().current() == news


@pytest.mark.parametrize(
    "change", [{"generation": "many"}, {"generation": 0}, {"created": "2026-11-21T12:00:00"}, {"format": None}]
)
def test_a_signed_manifest_that_cannot_be_read_is_refused(settled, change):
    content = json.loads(canonical_json(settled.agent.current().manifest)) | {"generation": 9} | change
    _sign_document(settled, json.dumps(content).encode())
    refused(settled, "malformed")


def test_fields_of_the_future_are_accepted(settled):
    content = json.loads(canonical_json(settled.agent.current().manifest)) | {"generation": 9, "mood": "good"}
    _sign_document(settled, json.dumps(content).encode())
    assert settled.poll().manifest.generation == 9


def test_a_damaged_store_is_never_taken_for_an_empty_one(settled):
    (settled.folder / "agent" / "trusted.json").write_bytes(b"{")
    with pytest.raises(Untrusted) as caught:
        settled.new_agent()
    assert caught.value.code == "malformed"


def _sign_document(world, data):
    """Publish any bytes as stable's manifest with the real key: what only a hacked control plane could do."""
    from tuf.api.metadata import TargetFile

    from control_plane.publishing.commit import commit
    from control_plane.publishing.layout import manifest_target, target_file
    from control_plane.publishing.tree import load_tree

    repository = world.repository
    tree = load_tree(repository.storage, repository.keys)
    target = TargetFile.from_data(manifest_target("stable"), data, ["sha256"])
    repository.storage.write(target_file(target.path, sha256_hex(data)), data)
    tree.role("stable").signed.targets[target.path] = target
    tree.touched.add("stable")
    commit(repository.storage, repository.keys, tree, world.now)
