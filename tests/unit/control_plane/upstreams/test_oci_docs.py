"""The page about OCI registries: its accounts are read, its example declares what it says, its settings exist."""

import re
from pathlib import Path

import msgspec
import yaml

from control_plane.settings import Settings
from control_plane.upstreams.application_file import parse_application_file
from control_plane.upstreams.politeness import FAILURE_BASE, PUBLIC_HOSTS, Limits

PAGE = (Path(__file__).parents[4] / "docs/sources/oci.md").read_text()


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_declaration_is_right() -> None:
    (block,) = examples("yaml")
    head = {"apiVersion": "tidegate.dev/v1", "kind": "Application", "metadata": {"name": "web"}}
    spec = {**yaml.safe_load(block), "channels": [{"name": "edge"}]}
    declaration = parse_application_file(msgspec.json.encode({**head, "spec": spec}).decode())
    assert declaration.chart.source.kind == "oci"


def test_settings_and_numbers_are_the_real_ones() -> None:
    named = re.findall(r"TIDEGATE_([A-Z_]+)", PAGE)
    assert {name.lower() for name in named} <= set(Settings.model_fields)
    hub = PUBLIC_HOSTS["registry-1.docker.io"]
    assert f"Docker Hub, Quay {hub.per_second:g} and {hub.per_hour:,}" in PAGE
    assert f"others {Limits().per_second:g} and {Limits().per_hour:,}" in PAGE
    assert f"left alone for {FAILURE_BASE:g} s" in PAGE
