"""Keys are made once, kept private, and never replaced silently."""

import multiprocessing
import os
import stat

import pytest

from control_plane.domain.errors import Refused, Transient
from control_plane.publishing import keys as keys_module
from control_plane.publishing.keys import KeyRing, PublishedHalves
from control_plane.publishing.repository import Repository
from control_plane.publishing.rotation import rotate_online_key
from control_plane.publishing.storage import DirectoryStorage

from .conftest import NOW, manifest


def test_the_directory_and_the_keys_are_private_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        KeyRing(tmp_path / "keys").make_missing()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").glob("*.pem")} == {
        "online.pem": 0o600,
        "root.pem": 0o600,
    }


def test_keys_that_exist_are_kept(repository, keys):
    before = {path: path.read_bytes() for path in keys.directory.glob("*.pem")}
    repository.initialise(channels=["edge"], now=NOW)
    assert {path: path.read_bytes() for path in keys.directory.glob("*.pem")} == before


def test_a_root_key_that_was_taken_away_is_not_made_again(repository, keys):
    (keys.directory / "root.pem").unlink()
    repository.initialise(channels=["edge", "stable"], now=NOW)
    assert not (keys.directory / "root.pem").exists()
    assert repository.publish_channel(manifest(1), now=NOW)


def test_a_lost_online_key_is_refused_with_the_file_to_put_back(repository, keys):
    (keys.directory / "online.pem").unlink()
    with pytest.raises(Refused, match=r"keys/online\.pem is missing: put it back"):
        repository.publish_channel(manifest(1), now=NOW)
    assert not (keys.directory / "online.pem").exists()


def test_a_file_that_is_no_key_is_refused_by_name_without_its_content(repository, keys):
    (keys.directory / "online.pem").write_text("half a secret")
    with pytest.raises(Refused, match=r"online\.pem is no ed25519 key") as caught:
        repository.publish_channel(manifest(1), now=NOW)
    assert "half a secret" not in str(caught.value)


def test_a_key_that_others_may_read_is_a_warning(repository, keys):
    (keys.directory / "online.pem").chmod(0o644)
    assert any("chmod 600" in warning for warning in repository.state(NOW).warnings)


def test_another_root_key_than_the_one_named_is_refused(repository, keys, tmp_path):
    KeyRing(tmp_path / "others").make_missing()
    (tmp_path / "others/root.pem").replace(keys.directory / "root.pem")
    with pytest.raises(Refused, match=r"root\.pem is not the key that root\.json names"):
        repository.add_channel("beta", now=NOW)
    assert "beta" not in [channel.name for channel in repository.state(NOW).channels]


def _hold(directory, locked, release):
    with KeyRing(directory).lock():
        locked.set()
        release.wait(20)


def test_one_publisher_at_a_time_and_a_dead_one_frees_the_lock(repository, keys, monkeypatch):
    monkeypatch.setattr(keys_module, "LOCK_WAIT_SECONDS", 0.1)
    context = multiprocessing.get_context("fork")
    locked, release = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(keys.directory, locked, release))
    holder.start()
    assert locked.wait(20)
    with pytest.raises(Transient, match="another process"):
        repository.publish_channel(manifest(1), now=NOW)
    holder.kill()
    holder.join()
    assert repository.publish_channel(manifest(1), now=NOW)


@pytest.fixture
def given(tmp_path):
    """Keys as mounted secrets have them: made elsewhere, readable, never written."""
    made = tmp_path / "elsewhere"
    KeyRing(made).make_missing()
    return {role: made / f"{role}.pem" for role in ("root", "online")}


def _published(tmp_path, given):
    repository = Repository(DirectoryStorage(tmp_path / "tuf"), KeyRing(tmp_path / "own", given))
    repository.initialise(channels=["edge"], now=NOW)
    return repository


def test_given_keys_sign_and_none_is_made_beside_them(tmp_path, given):
    repository = _published(tmp_path, given)
    assert list((tmp_path / "own").glob("*.pem")) == []
    assert repository.state(NOW).warnings == ()


def test_a_given_root_key_that_is_taken_away_stops_new_channels_only(tmp_path, given):
    repository = _published(tmp_path, given)
    given["root"].unlink()
    assert repository.publish_channel(manifest(1, channel="edge"), now=NOW)
    with pytest.raises(Refused, match=f"put it at {given['root']}"):
        repository.add_channel("beta", now=NOW)


def test_a_given_key_that_is_not_there_at_the_first_start_is_named_and_not_made(tmp_path, given):
    given["online"].unlink()
    with pytest.raises(Refused, match=f"{given['online']} is missing"):
        _published(tmp_path, given)
    assert list((tmp_path / "own").glob("*.pem")) == []


def test_a_rotation_puts_the_successor_of_a_given_key_into_the_own_directory(tmp_path, given):
    repository = _published(tmp_path, given)
    rotate_online_key(repository, NOW)
    assert [path.name for path in (tmp_path / "own").glob("*.pem")] == ["online.pem"]
    given["online"].unlink()
    assert repository.publish_channel(manifest(1, channel="edge"), now=NOW)


def test_a_process_without_keys_reads_what_was_published_and_signs_nothing(tmp_path, given):
    published = _published(tmp_path, given)
    reader = Repository(published.storage, PublishedHalves(tmp_path / "tuf/metadata"))
    before = sorted(tmp_path.rglob("*"))
    assert reader.first_root() == published.first_root()
    assert reader.state(NOW).roles == published.state(NOW).roles
    for change in (
        lambda: reader.initialise(now=NOW),
        lambda: reader.add_channel("beta", now=NOW),
        lambda: reader.publish_channel(manifest(1, channel="edge"), now=NOW),
    ):
        with pytest.raises(Refused, match="TIDEGATE_SIGNS"):
            change()
    assert sorted(tmp_path.rglob("*")) == before


def test_a_lost_online_key_is_replaced_with_the_root_key(repository, keys):
    (keys.directory / "online.pem").unlink()
    rotate_online_key(repository, NOW)
    assert repository.publish_channel(manifest(1), now=NOW)
    assert (repository.state(NOW).warnings, repository.state(NOW).damage) == ((), ())
