"""Images of Tidegate's own programs, built from this tree by the Dockerfiles in ``docker/``.

Where containers cannot reach PyPI, what the build needs is gathered here by the lock file and put into its context, in
the folder ``offline``: ``requirements`` (requirements.txt), ``libraries`` (its wheels), ``program`` (our wheel), ``bin``
(helm, kubectl).
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from test_harness import images
from test_harness.offline.cache import cache_dir, key_of
from test_harness.offline.commands import run
from test_harness.offline.progress import step

if TYPE_CHECKING:
    from test_harness.offline.prepare import Ready

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = {"agent": ("agent",), "control-plane": ("control-plane", "harness")}
MATTERS = {
    "agent": ("cluster_agent",),
    "control-plane": ("control_plane", "cluster_agent", "test_harness", "migrations"),
}
SOURCES = ("control_plane", "cluster_agent", "test_harness", "migrations", "docker")
FOR_OLDER_PYTHON = re.compile(r" ; python_full_version < '[\d.]+'(?= |$)", re.MULTILINE)
FILES = ("pyproject.toml", "uv.lock", "README.md", "LICENSE", "NOTICE")


def build_program(ready: Ready, program: str) -> str:
    """Build the image of ``agent`` or ``control-plane``; return its name with a tag that follows the sources.

    Nothing is built where the engine holds that very image already.
    """
    name = f"ghcr.io/tidegate/{program}:{_sources_key(ready, program)}"
    if ready.engine.has_image(name):
        return name
    with step(f"image of the {program}, from this tree", expected=25), tempfile.TemporaryDirectory() as folder:
        context = _context(ready, program, Path(folder))
        dockerfile = context / "docker" / f"{program}.Dockerfile"
        images.build(ready.engine, dockerfile, context, name, base=ready.base_image)
    return name


def _sources_key(ready: Ready, program: str) -> str:
    return key_of(
        ready.base_image, *(ROOT / each for each in (*MATTERS[program], "docker", "pyproject.toml", "uv.lock"))
    )


def _context(ready: Ready, program: str, folder: Path) -> Path:
    for each in SOURCES:
        shutil.copytree(ROOT / each, folder / each, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    for each in FILES:
        shutil.copy2(ROOT / each, folder / each)
    if ready.decision.mode == "offline":
        _add_offline(ready, program, folder / "offline")
    return folder


def _add_offline(ready: Ready, program: str, folder: Path) -> None:
    requirements = _requirements(program)
    (folder / "requirements").mkdir(parents=True)
    (folder / "requirements" / "requirements.txt").write_text(requirements)
    shutil.copytree(_libraries(program, requirements), folder / "libraries")
    run(["uv", "build", "--wheel", "--quiet", "--out-dir", folder / "program", ROOT])
    (folder / "bin").mkdir()
    shutil.copy2(ready.helm, folder / "bin" / "helm")
    if "harness" in EXTRAS[program]:
        shutil.copy2(ready.kubectl, folder / "bin" / "kubectl")


def _requirements(program: str) -> str:
    """What the lock file says for the program, with hashes.

    The image's Python may be older than ours: what only older ones need is taken along, and harms nobody.
    """
    extras = [word for extra in EXTRAS[program] for word in ("--extra", extra)]
    command = ["uv", "export", "--frozen", "--no-dev", "--no-emit-project", "--no-header", *extras]
    return FOR_OLDER_PYTHON.sub("", run([*command, "--quiet"], folder=ROOT))


def _libraries(program: str, requirements: str) -> Path:
    """The wheels of those requirements, gathered once."""
    target = cache_dir() / "libraries" / f"{program}-{key_of(requirements)}"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with step(f"wheels of the {program}, by the lock file", expected=15):
        work = Path(tempfile.mkdtemp(prefix=".libraries-", dir=target.parent))
        wanted = target.with_suffix(".txt")
        wanted.write_text(requirements)
        run(["uv", "tool", "run", "pip", "download", "--quiet", "--only-binary=:all:", "--dest", work, "-r", wanted])
        work.replace(target)
    return target
