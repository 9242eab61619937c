"""The committed files are what their source builds. Runs where the frontend's packages are installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from control_plane.web import assets

FRONTEND = Path(assets.__file__).parent / "frontend"


@pytest.mark.skipif(
    shutil.which("node") is None or not (FRONTEND / "node_modules").is_dir(), reason="npm ci was not run in frontend/"
)
def test_built_files_are_up_to_date():
    done = subprocess.run(["node", "build.mjs", "--check"], cwd=FRONTEND, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_icon_that_is_used_is_in_the_sprite():
    from control_plane.web.dashboard.words import STATES

    sprite = (assets.FOLDER / "icons.svg").read_text(encoding="utf-8")
    icons = {state.icon for states in STATES.values() for state in states.values()}
    assert {icon for icon in icons if f'id="{icon}"' not in sprite} == set()


def test_vendored_files_carry_their_licences():
    licences = (assets.FOLDER / "LICENCES.txt").read_text(encoding="utf-8")
    for name in ("htmx", "lucide", "daisyUI", "Tailwind"):
        assert name in licences
