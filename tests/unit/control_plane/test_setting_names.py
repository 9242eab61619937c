"""Names of settings: what is misspelt is told with what was meant, what is named anywhere in the tree is known."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from control_plane import setting_names
from control_plane.domain.errors import InvalidInput
from control_plane.settings import Settings, get_settings, unknown_names

TREE = Path(__file__).parents[3]
PLACES = ("docs", "docker", "charts", "scripts", "control_plane", "test_harness")


def unknown(*variables: str) -> dict[str, str]:
    return setting_names.unknown(variables, Settings.model_fields)


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("TIDEGATE_PROT", "TIDEGATE_PORT"),
        ("TIDEGATE_DATABSE_URL", "TIDEGATE_DATABASE_URL"),
        ("tidegate_publicurl", "TIDEGATE_PUBLIC_URL"),
        ("TIDEGATE_WEB_PORT", ""),
        ("TIDEGATE_", ""),
    ],
)
def test_a_name_that_nothing_reads_is_told_with_the_one_that_was_meant(variable: str, meant: str) -> None:
    assert unknown(variable) == {variable: meant}


def test_what_is_read_elsewhere_and_what_kubernetes_says_of_services_is_not_told() -> None:
    assert not unknown(
        "TIDEGATE_URL", "TIDEGATE_AGENT_HOLD", "TIDEGATE_ACCOUNT_GHCR", "tidegate_port", "PROT", "_TIDEGATE_COMPLETE"
    )
    links = [
        "TIDEGATE_WEB_SERVICE_HOST",
        "TIDEGATE_WEB_SERVICE_PORT_HTTP",
        "TIDEGATE_WEB_PORT",
        "TIDEGATE_WEB_PORT_80_TCP_ADDR",
    ]
    assert not unknown(*links)
    assert unknown(*links, "TIDEGATE_PROT") == {"TIDEGATE_PROT": "TIDEGATE_PORT"}
    assert unknown("TIDEGATE_SERVICE_HOST", "TIDEGATE_PORT_80_TCP", "TIDEGATE_PROT") == {
        "TIDEGATE_PROT": "TIDEGATE_PORT"
    }


def test_every_name_in_documents_charts_and_code_is_known() -> None:
    files = [file for place in PLACES for file in (TREE / place).rglob("*")] + [
        TREE / "README.md",
        TREE / "docker-compose.yml",
    ]
    named = {
        name
        for file in files
        if file.is_file() and "__pycache__" not in file.parts and file.name != "setting_names.py"
        for name in re.findall(r"\bTIDEGATE_[A-Z_]*[A-Z]\b", file.read_text(errors="ignore"))
    }
    assert len(named) > 50
    assert not unknown(*named)


def test_a_former_name_is_an_error_that_gives_the_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_REGISTRY_ACCOUNTS_FILE", "/etc/s3cret")
    get_settings.cache_clear()
    with pytest.raises(InvalidInput) as caught:
        get_settings()
    get_settings.cache_clear()
    (mistake,) = caught.value.mistakes
    assert (mistake.place.field, mistake.hint) == (
        "TIDEGATE_REGISTRY_ACCOUNTS_FILE",
        "it is TIDEGATE_ACCOUNTS_FILE now",
    )
    assert "s3cret" not in str(caught.value)


def test_servers_warn_once_and_the_command_line_of_a_person_says_nothing(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "TIDEGATE_DATA_DIR": str(tmp_path),
        "TIDEGATE_PROT": "s3cret",
        "TIDEGATE_LOG_FORMAT": "json",
    }

    def tidegate(*arguments: str) -> str:
        command = [sys.executable, "-m", "control_plane", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stderr

    said = tidegate("migrate")
    assert said.count("TIDEGATE_PROT") == 1
    assert '"meant": "TIDEGATE_PORT"' in said
    assert "s3cret" not in said
    assert "TIDEGATE_PROT" not in tidegate("status")


def test_this_process_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_SWEEP_SECOND", "1")
    assert unknown_names()["TIDEGATE_SWEEP_SECOND"] == "TIDEGATE_SWEEP_SECONDS"
