"""Sealed secrets: opened by their key alone, for what they are about alone; keys are made once, and retired together."""

from multiprocessing.pool import ThreadPool
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.domain.errors import Untrusted
from control_plane.upstreams.sealed import Sealed, SealingKeys, keys_kept, keys_renewed, read_keys

KEYS = (b"A" * 43 + b"=", b"B" * 43 + b"=")


@given(st.text(), st.text(), st.text())
def test_a_secret_opens_for_what_it_is_about_alone(secret: str, about: str, other: str) -> None:
    keys = SealingKeys(KEYS, Path("keys"))
    sealed = keys.seal(secret, about)
    assert keys.open(sealed, about) == secret
    if other != about:
        with pytest.raises(Untrusted):
            keys.open(sealed, other)


def test_what_was_changed_or_sealed_by_another_key_does_not_open() -> None:
    mine, both = SealingKeys(KEYS[:1], Path("keys")), SealingKeys(KEYS[::-1], Path("keys"))
    sealed = mine.seal("s3cret", "place")
    assert both.open(sealed, "place") == "s3cret"
    assert both.newest != mine.newest
    for text, key_id in ((sealed.text[:-4] + "AAAA", mine.newest), (sealed.text, both.newest), ("", mine.newest)):
        with pytest.raises(Untrusted) as caught:
            both.open(Sealed(text, key_id), "place")
        assert "s3cret" not in str(caught.value)
    with pytest.raises(Untrusted, match="not in keys"):
        mine.open(Sealed(sealed.text, both.newest), "place")


def test_of_many_who_make_the_first_key_one_wins(tmp_path: Path) -> None:
    def newest(_: int) -> str:
        with keys_kept(tmp_path / "secrets.key") as keys:
            return keys.newest

    with ThreadPool(8) as pool:
        assert len(set(pool.map(newest, range(16)))) == 1
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".secrets.key.")] == [".secrets.key.lock"]


def test_where_nothing_can_be_written_the_new_key_is_put_there_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secrets.key"
    file.write_bytes(b"\n".join(KEYS) + b"\n")
    monkeypatch.setattr("control_plane.upstreams.sealed._is_ours", lambda _: False)
    with keys_renewed(file) as keys:
        assert keys.newest == read_keys(file).newest
    assert file.read_bytes().splitlines() == list(KEYS)
