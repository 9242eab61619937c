"""The pages about sources: every example is read, and names the places that its page is about."""

import re
from pathlib import Path

import msgspec
import pytest
import yaml

from control_plane.domain.applications import Declaration
from control_plane.settings import Settings
from control_plane.upstreams.application_file import parse_application_file
from control_plane.upstreams.git_transport import place_of
from control_plane.upstreams.json_source import check_path

PAGES = Path(__file__).parents[3] / "docs/sources"
KINDS = {"helm": {"helm"}, "git": {"git"}, "forges": {"github", "gitlab", "gitea"}, "json": {"json"}}
BLOCKS = [
    pytest.param(page, block, id=f"{page}-{number}")
    for page in KINDS
    for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", (PAGES / f"{page}.md").read_text(), re.DOTALL))
]


def declared(block: str) -> Declaration:
    head = {"apiVersion": "tidegate.dev/v1", "kind": "Application", "metadata": {"name": "web"}}
    spec = {**yaml.safe_load(block), "channels": [{"name": "edge"}]}
    return parse_application_file(msgspec.json.encode({**head, "spec": spec}).decode())


@pytest.mark.parametrize(("page", "block"), BLOCKS)
def test_every_example_is_right_and_about_its_page(page: str, block: str) -> None:
    declaration = declared(block)
    sources = [declaration.chart.source, *(one.source for one in declaration.others)]
    assert {one.kind for one in sources} & KINDS[page]
    for one in sources:
        if one.kind == "git":
            assert place_of(one.location)
        if one.kind == "json":
            check_path(one.path)


def test_every_setting_that_a_page_names_is_one() -> None:
    named = {name for page in KINDS for name in re.findall(r"TIDEGATE_(\w+)", (PAGES / f"{page}.md").read_text())}
    assert named
    assert {name.lower() for name in named} <= set(Settings.model_fields)
