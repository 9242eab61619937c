"""What the publisher writes, and when it refuses."""

from datetime import timedelta

import msgspec
import pytest

from cluster_agent.contract import Halt, Rollout, canonical_json, sha256_hex
from control_plane.domain.errors import InvalidInput, Refused, Transient
from control_plane.publishing.repository import Published, Repository
from control_plane.publishing.storage import DirectoryStorage

from .conftest import DAY, NOW, content, manifest, rollout


def current_rollout(repository) -> Rollout:
    newest = max(repository.storage.root.glob("targets/rollouts/stable/*"), key=lambda path: path.stat().st_mtime_ns)
    return msgspec.json.decode(newest.read_bytes(), type=Rollout)


def test_the_layout_is_the_documented_one(repository):
    repository.publish_channel(manifest(1), rollout(1), now=NOW)
    names = {str(path.relative_to(repository.storage.root)) for path in repository.storage.root.rglob("*.json")}
    version = int(NOW.timestamp())
    first = {f"metadata/{version}.{role}.json" for role in ("edge", "stable", "rollouts", "snapshot")}
    second = {f"metadata/{version + 1}.{role}.json" for role in ("stable", "rollouts", "snapshot")}
    digest = sha256_hex(canonical_json(manifest(1)))
    rollout_digest = sha256_hex(canonical_json(rollout(1)))
    assert names == first | second | {
        "metadata/1.root.json",
        "metadata/1.targets.json",
        "metadata/2.targets.json",
        "metadata/timestamp.json",
        f"targets/channels/stable/{digest}.manifest.json",
        f"targets/rollouts/stable/{rollout_digest}.rollout.json",
    }


def test_the_same_again_changes_not_one_byte(repository):
    repository.publish_channel(manifest(1), rollout(1), now=NOW)
    before = content(repository.storage.root)
    later = NOW + timedelta(hours=1)
    assert repository.publish_channel(manifest(1), rollout(1), now=later) == []
    assert repository.publish_rollout(rollout(1, expires=later + 7 * DAY), now=later) == []
    assert repository.reconcile([Published(manifest(1), rollout(1))], now=later) == []
    assert repository.initialise(channels=["edge", "stable"], published=[Published(manifest(1))], now=later) == []
    assert repository.renew(later) == []
    repository.add_channel("stable", now=later)
    assert content(repository.storage.root) == before


@pytest.mark.parametrize("generation", [1, 2])
def test_a_generation_that_does_not_grow_is_refused_and_nothing_is_written(repository, generation):
    repository.publish_channel(manifest(1), now=NOW)
    repository.publish_channel(manifest(2), now=NOW)
    before = content(repository.storage.root)
    other = msgspec.structs.replace(manifest(generation), created=NOW + DAY)
    with pytest.raises(Refused):
        repository.publish_channel(other, now=NOW)
    assert content(repository.storage.root) == before


def test_a_rollout_of_another_generation_is_refused(repository):
    repository.publish_channel(manifest(2), now=NOW)
    for generation in (1, 3):
        with pytest.raises(Refused, match="at generation 2"):
            repository.publish_rollout(rollout(generation), now=NOW)
    with pytest.raises(InvalidInput, match="edge generation 3"):
        repository.publish_channel(manifest(3), rollout(3, "edge"), now=NOW)


def test_a_halt_replaces_the_rollout_and_leaves_the_manifest_alone(repository):
    repository.publish_channel(manifest(1), rollout(1), now=NOW)
    halted = msgspec.structs.replace(rollout(1), halted=Halt(reason="broken", since=NOW))
    assert repository.publish_rollout(halted, now=NOW) == ["rollouts", "snapshot", "timestamp"]
    assert current_rollout(repository) == halted


def test_a_channel_that_is_not_delegated_is_refused_with_the_command(repository):
    with pytest.raises(Refused, match="tidegate channel add beta"):
        repository.publish_channel(manifest(1, "beta"), now=NOW)


def test_a_new_channel_needs_the_root_key_and_nothing_else_does(repository, keys):
    root = (keys.directory / "root.pem").rename(keys.directory.parent / "safe.pem")
    before = content(repository.storage.root)
    with pytest.raises(Refused, match=r"a new channel \(beta\) needs the root key: put it at .*root\.pem"):
        repository.add_channel("beta", now=NOW)
    assert content(repository.storage.root) == before
    repository.publish_channel(manifest(1), rollout(1), now=NOW)
    repository.renew(NOW + DAY)
    root.rename(keys.directory / "root.pem")
    repository.add_channel("beta", now=NOW + DAY)
    assert repository.publish_channel(manifest(1, "beta"), now=NOW + DAY)


@pytest.mark.parametrize(
    "name", ["root", "timestamp", "rollouts", "Stable", "a/b", "../x", "", "-a", "a" * 64, "1.root"]
)
def test_a_name_that_cannot_be_a_channel_is_refused(repository, name):
    with pytest.raises(InvalidInput):
        repository.add_channel(name, now=NOW)


def test_everything_that_lapses_is_renewed_early_for_a_year_and_more(repository):
    repository.publish_channel(manifest(1), rollout(1), now=NOW)
    moments = [NOW + DAY / 4 * step for step in range(1, 64)] + [NOW + DAY * day for day in range(20, 400, 20)]
    for now in moments:
        repository.renew(now)
        state = repository.state(now)
        assert not state.warnings
        assert all(role.expires > now + timedelta(hours=6) for role in state.roles)
    assert current_rollout(repository).expires > now + 3 * DAY
    assert state.channels[1].generation == 1


def test_what_the_absent_root_key_should_renew_is_a_warning_in_time(repository, keys):
    (keys.directory / "root.pem").unlink()
    assert repository.state(NOW + 200 * DAY).warnings
    repository.renew(NOW + 300 * DAY)
    warnings = repository.state(NOW + 300 * DAY).warnings
    assert [warning.split()[0] for warning in warnings] == ["root", "targets"]
    assert all("put root.pem back" in warning for warning in warnings)


def test_state_says_who_signs_what(repository):
    repository.publish_channel(manifest(4), rollout(4), now=NOW)
    state = repository.state(NOW)
    assert state.online_roles == ("snapshot", "timestamp", "rollouts", "edge", "stable")
    assert [(channel.name, channel.generation) for channel in state.channels] == [("edge", 0), ("stable", 4)]
    assert state.channels[1].manifest_sha256 == sha256_hex(canonical_json(manifest(4)))
    assert state.first_root_sha256 == sha256_hex(repository.first_root())
    assert (state.root_key_present, state.warnings, state.damage) == (True, (), ())


def test_before_the_first_start_everything_is_refused_with_the_next_step(tmp_path, keys):
    repository = Repository(DirectoryStorage(tmp_path / "repository"), keys)
    for call in (
        lambda: repository.publish_channel(manifest(1), now=NOW),
        repository.first_root,
        lambda: repository.renew(NOW),
    ):
        with pytest.raises(Refused, match="start the control plane"):
            call()
    assert repository.state(NOW).warnings == ("the repository has not been initialised",)


def test_nothing_is_signed_on_top_of_damaged_files(repository):
    repository.publish_channel(manifest(1), now=NOW)
    role = max(repository.storage.root.glob("metadata/*.stable.json"))
    role.write_bytes(role.read_bytes().replace(b'"generation":1', b'"generation":9'))
    with pytest.raises(Refused, match=r"stable\.json was changed by somebody without the key"):
        repository.publish_channel(manifest(2), now=NOW)
    assert "stable.json" in repository.state(NOW).damage[0]
    repository.reconcile([Published(manifest(1))], now=NOW)
    assert repository.publish_channel(manifest(2), now=NOW)


def test_a_full_disk_is_transient_names_the_file_and_leaves_the_old_state(repository, monkeypatch):
    before = content(repository.storage.root)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(Transient, match=r"cannot write .*manifest\.json: No space left on device"):
            repository.publish_channel(manifest(1), now=NOW)
    assert content(repository.storage.root) == before
    assert repository.publish_channel(manifest(1), now=NOW)
