"""The command line explains itself: help worth reading, JSON on every read, completion that knows the commands."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from control_plane.cli import app

CHANGES_OR_RUNS = {
    "account remove", "account trust-host", "account forget-host", "account rotate-key",
    "up", "web", "worker", "beat", "migrate", "demo", "password", "keys new", "keys rotate",
    "app validate", "app schema", "app remove", "quarantine lift", "release reject", "release withdraw", "release requeue",
    "channel recall", "channel drop", "cluster remove", "rollout halt", "rollout resume", "source look", "promotion propose",
}  # fmt: skip


def commands(group: typer.Typer = app, path: str = "") -> Iterator[tuple[str, typer.models.CommandInfo]]:
    for command in group.registered_commands:
        yield f"{path}{command.name}", command
    for inner in group.registered_groups:
        assert inner.typer_instance
        yield from commands(inner.typer_instance, f"{path}{inner.name} ")


def help_of(words: str) -> str:
    shown = CliRunner().invoke(app, [*words.split(), "--help"], env={"COLUMNS": "300", "NO_COLOR": "1"})
    assert shown.exit_code == 0, shown.output
    return shown.output


@pytest.mark.parametrize("words", sorted(name for name, _ in commands()))
def test_every_command_says_what_it_does_and_every_read_has_json(words: str) -> None:
    text = help_of(words)
    assert len(text.splitlines()[3].strip()) > 20, text
    assert (words in CHANGES_OR_RUNS) != ("--output" in text), text


def test_every_argument_and_option_says_what_it_is() -> None:
    def silent(command: Any, path: str) -> list[str]:
        if hasattr(command, "commands"):
            return [line for name, inner in command.commands.items() for line in silent(inner, f"{path} {name}")]
        return [f"{path} {parameter.name}" for parameter in command.params if not getattr(parameter, "help", "")]

    assert silent(typer.main.get_command(app), "tidegate") == []


def test_the_first_page_tells_where_to_begin_and_what_exit_codes_mean() -> None:
    text = help_of("")
    assert all(
        words in text for words in ("See and decide", "Run the control plane", "TIDEGATE_TOKEN_FILE", "5 untrusted")
    )


def test_bash_completes_commands() -> None:
    asked = {"_TIDEGATE_COMPLETE": "complete_bash", "COMP_WORDS": "tidegate rel", "COMP_CWORD": "1"}
    program = str(Path(sys.executable).with_name("tidegate"))
    done = subprocess.run([program], env=os.environ | asked, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["release"], done


def test_a_pair_of_keys_is_made_once_and_privately(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first = CliRunner().invoke(app, ["keys", "new", str(folder)])
    assert first.exit_code == 0, first.output
    before = {file.name: (file.read_bytes(), file.stat().st_mode & 0o777) for file in folder.iterdir()}
    assert {name: mode for name, (_, mode) in before.items()} == {"root.pem": 0o600, "online.pem": 0o600}
    again = CliRunner().invoke(app, ["keys", "new", str(folder)])
    assert "no key is ever overwritten" in str(again.exception)
    assert {file.name: (file.read_bytes(), file.stat().st_mode & 0o777) for file in folder.iterdir()} == before
