"""The pages about policies: their examples choose what they say, and the overview names every field and dialect."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from control_plane.domain.versions.dialects import DIALECTS
from control_plane.domain.versions.policy import Context, Tag
from control_plane.domain.versions.readings import compile_policy
from control_plane.domain.versions.selection import choose, explain
from control_plane.upstreams.fields import Check, Duration, Record
from control_plane.upstreams.policy_file import EXAMPLES, POLICY, policy_of_fields, read_policy
from control_plane.upstreams.yaml_source import Value, read_yaml

PAGES = Path(__file__).parents[4] / "docs/policies"
INDEX = (PAGES / "index.md").read_text()
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
EXAMPLE = ("tags", "current", "chooses", "reasons")  # what an example has besides the policy
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in sorted(PAGES.glob("*.md"))
    for number, block in enumerate(re.findall(r"```policy\n(.*?)```", page.read_text(), re.DOTALL))
]


def tag_of(written: str | dict[str, Any]) -> Tag:
    if isinstance(written, str):
        return Tag(name=written)
    known: dict[str, Any] = {"name": written["name"]}
    if "seen" in written:
        seconds = Duration().read(Value(written["seen"], 1, 1), "seen", Check("page"))
        known["first_seen_at"] = known["created_at"] = NOW - timedelta(seconds=seconds or 0)
    if "platforms" in written:
        known["platforms"] = tuple(written["platforms"])
    return Tag(**known)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_chooses_what_it_says(block: str) -> None:
    example, check = read_yaml(block, file="page"), Check("page")
    asked = {name: value.plain() for name, value in example.content.items() if name in EXAMPLE}
    example.content = {name: value for name, value in example.content.items() if name not in EXAMPLE}
    policy = read_policy(example, "", check)
    assert policy is not None, check.mistakes
    tags, context = [tag_of(one) for one in asked["tags"]], Context(now=NOW, current=asked.get("current", ""))
    choice = choose(policy, tags, context)
    assert (choice.tag if choice else None) == asked.get("chooses")
    reasons = {verdict.tag: verdict.reason for verdict in explain(policy, tags, context)}
    assert reasons | asked.get("reasons", {}) == reasons


def test_every_field_has_its_row() -> None:
    table = INDEX.partition("## Fields")[2].partition("## Dialects")[0]
    fields = [
        f"{name}.{inner}" if inner else name
        for name, field in POLICY.fields.items()
        for inner in (field.kind.fields if isinstance(field.kind, Record) else [""])
    ]
    assert re.findall(r"^\| `([\w.]+)` \|", table, re.MULTILINE) == fields


def test_every_dialect_has_its_row_and_a_rule_that_it_can_read() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \|.*\| `(.+?)` \|$", INDEX.partition("## Dialects")[2], re.MULTILINE)
    assert [dialect for dialect, _ in rows] == list(DIALECTS)
    for dialect, rule in (*rows, *EXAMPLES.items()):
        assert compile_policy(policy_of_fields({"dialect": dialect, "rule": rule}))


def test_what_pages_call_a_policy_is_yaml() -> None:
    assert all(isinstance(yaml.safe_load(block.values[0]), dict) for block in BLOCKS)
    assert len(BLOCKS) >= 20
