"""The page about the application file: its examples are read, and it names every field."""

import re
from pathlib import Path

import pytest

from control_plane.domain.versions import parse_range
from control_plane.upstreams.application_file import FORMAT, parse_application_file
from control_plane.upstreams.fields import Kind, ListOf, Record

PAGE = (Path(__file__).parents[4] / "docs/application-file.md").read_text()


def leaves(kind: Kind, path: str = "") -> list[str]:
    if isinstance(kind, ListOf) and isinstance(kind.item, Record):
        return leaves(kind.item, f"{path}[]")
    if not isinstance(kind, Record):
        return [path]
    return [leaf for name, one in kind.fields.items() for leaf in leaves(one.kind, f"{path}.{name}".lstrip("."))]


def test_every_field_has_its_row_and_there_are_no_others() -> None:
    rows = re.findall(r"^\| `([\w.\[\]]+)` \|", PAGE, re.MULTILINE)
    assert rows == leaves(FORMAT)


@pytest.mark.parametrize("example", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_every_example_is_right(example: str) -> None:
    assert parse_application_file(example, suite=b"packed").channels[0].name == "edge"


def test_every_range_of_the_page_is_one() -> None:
    table = PAGE.partition("| range | versions |")[2].partition("\n\n")[0]
    ranges = [
        text
        for row in table.splitlines()[2:]
        for text in re.findall(r"`([^`]+)`", row.replace("\\|", "OR").split("|")[1])
    ]
    assert len(ranges) >= 8
    assert all(parse_range(text.replace("OR", "|")).alternatives for text in ranges)
