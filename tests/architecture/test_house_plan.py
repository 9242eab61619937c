"""The house plan, held by a machine: import directions, docstrings that state a rule, a small agent."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("control_plane", "cluster_agent", "test_harness")
MODULES = sorted(
    path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts
)
AGENT_MAY_NEED = 45


def test_imports_point_one_way() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_opens_with_its_rule(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not text.strip() or ast.get_docstring(ast.parse(text)), f"{path} has no module docstring"


def test_nothing_imports_celery_or_django_with_the_agent() -> None:
    code = "import sys, cluster_agent.loop; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"celery", "django", "sqlalchemy", "control_plane", "test_harness", "pytest"}


def test_the_agents_set_of_libraries_stays_small() -> None:
    command = ["uv", "export", "--frozen", "--extra", "agent", "--no-dev", "--no-hashes", "--no-emit-project", "-q"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    names = [line for line in done.stdout.splitlines() if line and not line.startswith((" ", "#"))]
    assert 0 < len(names) <= AGENT_MAY_NEED, f"{len(names)} distributions: {names}"


def test_every_direct_dependency_is_locked() -> None:
    locked = {package["name"] for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    assert {"tidegate", "tuf", "kubernetes", "celery", "django", "sqlalchemy", "pytest-kind"} <= locked


def test_migrations_stand_in_one_line() -> None:
    """Two people's migrations of one day must not follow the same one: no database could be upgraded."""
    files = sorted((ROOT / "migrations/versions").glob("[0-9]*.py"))
    pattern = re.compile(r"^(?:down_)?revision = (?:\"(\d+)\"|None)$", re.MULTILINE)
    found = [(path.name[:4], *pattern.findall(path.read_text())) for path in files]
    numbers = [f"{number:04}" for number in range(1, len(files) + 1)]
    assert found == [(number, number, before) for number, before in zip(numbers, ["", *numbers], strict=False)]
