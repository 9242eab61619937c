"""Artefacts: made once, checked on use, made again when damaged, never half there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from test_harness.offline.cache import cache_dir, cached_file, is_intact, key_of


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDEGATE_CACHE_DIR", str(tmp_path / "cache"))


class Maker:
    def __init__(self, content: bytes = b"program") -> None:
        self.content = content
        self.calls = 0

    def __call__(self, target: Path) -> None:
        self.calls += 1
        target.write_bytes(self.content)


def test_made_once_and_found_again():
    make = Maker()

    paths = {cached_file("tool", "k1", make) for _ in range(3)}

    assert make.calls == 1
    assert [path.read_bytes() for path in paths] == [b"program"]


def test_another_key_is_another_artefact():
    assert cached_file("tool", "k1", Maker(b"a")) != cached_file("tool", "k2", Maker(b"b"))


@pytest.mark.parametrize("damage", [b"", b"prog", b"Program"], ids=["empty", "truncated", "changed"])
def test_damage_is_noticed_said_and_mended(damage, capsys):
    make = Maker()
    path = cached_file("tool", "k1", make)
    path.write_bytes(damage)
    os.utime(path, ns=(1, 1))

    assert cached_file("tool", "k1", make).read_bytes() == b"program"
    assert make.calls == 2
    assert f"{path} is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("record", [None, "", "{", '{"size": 7}'], ids=["gone", "empty", "cut", "partial"])
def test_damaged_record_counts_as_damage(record):
    make = Maker()
    path = cached_file("tool", "k1", make)
    beside = path.with_name("tool.sha256")
    beside.unlink()
    if record is not None:
        beside.write_text(record)
    os.utime(path, ns=(1, 1))

    cached_file("tool", "k1", make)

    assert make.calls == 2


def test_touched_file_with_the_same_content_is_kept():
    make = Maker()
    path = cached_file("tool", "k1", make)
    os.utime(path)

    cached_file("tool", "k1", make)

    assert make.calls == 1


def test_failed_making_leaves_nothing():
    def fail(target: Path) -> None:
        target.write_bytes(b"half")
        raise RuntimeError("no network")

    with pytest.raises(RuntimeError, match="no network"):
        cached_file("tool", "k1", fail)

    assert [path.name for path in (cache_dir() / "artefacts" / "k1").iterdir()] == [".tool.lock"]


def test_two_at_once_make_it_once():
    make = Maker()

    def slowly(target: Path) -> None:
        time.sleep(0.1)
        make(target)

    threads = [threading.Thread(target=cached_file, args=("tool", "k1", slowly)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert make.calls == 1


def test_killed_half_way_the_next_run_makes_it(tmp_path):
    script = (
        "import sys, time\n"
        "from test_harness.offline.cache import cached_file\n"
        "def make(target):\n"
        "    target.write_bytes(b'half'); print('half', flush=True); time.sleep(60)\n"
        "cached_file('tool', 'k1', make)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "half\n"
        child.send_signal(signal.SIGKILL)

    path = cached_file("tool", "k1", Maker())

    assert path.read_bytes() == b"program"
    assert is_intact(path)


def test_key_follows_names_and_contents(tmp_path):
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "go.mod").write_text("module a")
    before = key_of(folder, "flags")

    assert key_of(folder, "flags") == before
    assert key_of(folder, "other flags") != before
    (folder / "go.mod").rename(folder / "go.sum")
    assert key_of(folder, "flags") != before
    assert key_of("ab", "c") != key_of("a", "bc")
