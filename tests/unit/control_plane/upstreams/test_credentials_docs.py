"""The page about accounts: its list is read, its settings exist, it names every kind and every way to give a secret."""

import re
from pathlib import Path
from typing import get_args

from control_plane.cli.accounts import app as accounts_commands
from control_plane.domain.accounts import Kind
from control_plane.settings import Settings
from control_plane.upstreams import accounts_file

PAGE = (Path(__file__).parents[4] / "docs/credentials.md").read_text()


def test_the_list_is_right(tmp_path: Path) -> None:
    (block,) = re.findall(r"```accounts\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "accounts.yaml"
    file.write_text(block)
    entries = accounts_file.read_accounts(file)
    assert {entry.kind for entry in entries} == set(get_args(Kind))
    assert ("ghcr.io/acme", "web") in [(entry.scope.place, entry.scope.application) for entry in entries]


def test_its_settings_exist() -> None:
    named = set(re.findall(r"TIDEGATE_([A-Z_]+)", PAGE)) - {"ACCOUNT_", "ACCOUNT_CHARTS"}
    assert {name.lower() for name in named} <= set(Settings.model_fields)


def test_every_way_to_give_a_secret_is_named() -> None:
    assert all(name in PAGE for name in accounts_file._SECRETS if name != "password")


def test_its_commands_exist() -> None:
    (block, *more) = re.findall(r"tidegate account ([a-z-]+)", PAGE)
    known = {command.name for command in accounts_commands.registered_commands}
    assert {block, *more} <= known
    assert known <= {block, *more}
