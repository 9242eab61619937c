"""Folders of killed processes are swept up; those in use, and those of others, are not."""

import os
import time

from test_harness.scratch import LONGEST_SECONDS, scratch, sweep


def test_old_folders_go_and_others_stay(tmp_path):
    now = time.time()
    for name, age in (("run-a", 2), ("suite-b", 2), ("rehearsal-new", 0.5), ("other-c", 9)):
        folder = tmp_path / f"tidegate-{name}"
        folder.mkdir()
        (folder / "file").touch()
        os.utime(folder, (now, now - age * LONGEST_SECONDS))
    sweep(tmp_path, now)
    assert {one.name for one in tmp_path.iterdir()} == {"tidegate-rehearsal-new", "tidegate-other-c"}


def test_a_link_is_not_followed(tmp_path):
    kept = tmp_path / "precious"
    kept.mkdir()
    link = tmp_path / "tidegate-run-link"
    link.symlink_to(kept)
    os.utime(link, (0, 0), follow_symlinks=False)
    sweep(tmp_path, time.time())
    assert kept.is_dir()


def test_a_folder_is_gone_afterwards():
    with scratch("run") as folder:
        assert list(folder.iterdir()) == []
    assert not folder.exists()
