"""The lines that a cluster's administrator pastes: the token reaches its Secret and no argument list."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from control_plane.domain.joining import join_lines, nobody_reaches, rejoin_lines

TOKEN = "tgj_eyJpZCI6IjEifQ"
JOIN = join_lines(cluster="home", url="https://t.example.org", namespaces=["a", "b"], token=TOKEN)
RECORDER = """#!/bin/sh
printf '%s\\n' "$0 $*" >> "$LOG"
case "$*" in *joinToken=/dev/stdin*) cat /dev/stdin > "$STDIN"; echo made ;; esac
case "$*" in *apply*) cat > "$APPLIED" ;; esac
"""


@pytest.fixture
def programs(tmp_path: Path) -> dict[str, str]:
    """kubectl and helm that note how they are called."""
    for name in ("kubectl", "helm"):
        path = tmp_path / name
        path.write_text(RECORDER)
        path.chmod(0o755)
    files = {name: str(tmp_path / name.lower()) for name in ("LOG", "STDIN", "APPLIED")}
    return os.environ | files | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("lines", [JOIN, rejoin_lines(token=TOKEN)])
def test_the_token_reaches_the_secret_and_no_argument_list(
    lines: tuple[str, str], shell: str, programs: dict[str, str]
) -> None:
    subprocess.run([shell, "-e", "-c", "\n".join(lines)], env=programs, check=True)
    assert Path(programs["STDIN"]).read_text() == TOKEN
    called = Path(programs["LOG"]).read_text()
    assert TOKEN not in called
    assert called.count("existingSecret=tidegate-agent-join") == 1


def test_the_agent_is_told_where_it_belongs() -> None:
    words = shlex.split(JOIN[1])
    assert words[:4] == ["helm", "install", "tidegate-agent", "charts/tidegate-agent"]
    settings = dict(word.split("=", 1) for word in words if "=" in word)
    assert settings == {
        "existingSecret": "tidegate-agent-join",
        "cluster": "home",
        "controlPlane.url": "https://t.example.org",
        "namespaces": "{a,b}",
    }
    assert words.count("--set") == 4


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080",
        "http://127.1.2.3",
        "http://0.0.0.0:8080",
        "http://[::1]:8080",
        "http://[::]",
        "http://localhost:8080",
    ],
)
def test_an_address_that_means_the_pod_itself_is_told_with_what_to_set(url: str) -> None:
    words = nobody_reaches(url)
    assert words.startswith(f"No agent reaches {url}: ")
    assert f"TIDEGATE_PUBLIC_URL=http://ADDRESS{':8080' if '8080' in url else ''}, " in words


@pytest.mark.parametrize("url", ["https://t.example.org", "http://172.18.0.1:8080", "http://[2001:db8::1]:8080"])
def test_any_other_address_is_left_to_the_operator(url: str) -> None:
    assert nobody_reaches(url) == ""
