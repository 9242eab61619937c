"""Changes the policy of one upstream in the text of an application file, and nothing else of it: comments and order stay.

The policy is written anew where it stood: as a text where a range says it all, else as a mapping in the style of the mapping around it.
"""

from typing import Any

import yaml

from cluster_agent.contract.yamls import Loader
from control_plane.domain.applications import SAME_AS_CHART, Declaration
from control_plane.domain.versions.policy import Policy
from control_plane.upstreams.policy_text import policy_fields
from control_plane.upstreams.yaml_source import write_yaml

WANTED = {"chart": "version", "images": "tag", "upstreams": "version"}
"""Under which key each group of upstreams says what is wanted."""


def policy_places(declaration: Declaration) -> dict[str, tuple[str, int | None]]:
    """Return where each upstream stands in the file, by alias: its group below ``spec``, and which one of the group."""
    groups: dict[str, list[str]] = {"chart": [], "image": [], "other": []}
    for upstream in declaration.upstreams:
        groups[upstream.role].append(upstream.alias)
    images = {alias: ("images", position) for position, alias in enumerate(groups["image"])}
    others = {alias: ("upstreams", position) for position, alias in enumerate(groups["other"])}
    return {**dict.fromkeys(groups["chart"], ("chart", None)), **images, **others}


def policy_path(place: tuple[str, int | None]) -> str:
    """Return the field of a place as mistakes name it: ``spec.images[1].tag``."""
    group, position = place
    return f"spec.{group}{'' if position is None else f'[{position}]'}.{WANTED[group]}"


def with_policy(text: str, place: tuple[str, int | None], policy: Policy | None) -> str:
    """Return ``text`` (a right application file) in which the upstream at ``place`` wants ``policy``, or its chart's tag (None)."""
    group, position = place
    holder: Any = _child(_child(yaml.compose(text, Loader=Loader), "spec")[1], group)[1]
    if position is not None:
        holder = holder.value[position]
    if holder.flow_style is None:  # composed by the Python loader: braces are in the text
        holder.flow_style = text[holder.start_mark.index] == "{"
    key, value = _child(holder, WANTED[group])
    if key is None:
        return _inserted(text, holder, WANTED[group], policy)
    written = _written(policy, holder.flow_style, key.start_mark.column)
    end = text.index(":", key.end_mark.index) + 1
    beside = text[end : value.start_mark.index].partition("\n")[0].strip()  # a comment behind the colon
    if beside.startswith("#"):
        line, newline, below = written.partition("\n")
        written = f"{line}  {beside}{newline}{below}"
    return text[:end] + written + text[_end(value) :]


def _inserted(text: str, holder: Any, name: str, policy: Policy | None) -> str:
    """Put the key behind the last one of its mapping."""
    if holder.flow_style:
        at = _end(holder.value[-1][1])
        return f"{text[:at]}, {name}:{_written(policy, True, 0)}{text[at:]}"
    column = holder.value[0][0].start_mark.column
    at = text.find("\n", _end(holder.value[-1][1]))
    line = f"\n{' ' * column}{name}:{_written(policy, False, column)}"
    return text + line + "\n" if at < 0 else text[:at] + line + text[at:]


def _written(policy: Policy | None, is_flow: bool, column: int) -> str:
    """Return what stands behind the key's colon."""
    if policy is None:
        return f" {SAME_AS_CHART}"
    if policy == Policy(rule=policy.rule):
        return " " + write_yaml({"rule": policy.rule}, flow=True).strip().removeprefix("{rule: ").removesuffix("}")
    if is_flow:
        return " " + write_yaml(policy_fields(policy), flow=True).strip()
    indent = "\n" + " " * (column + 2)
    return indent + indent.join(write_yaml(policy_fields(policy)).splitlines())


def _child(node: Any, name: str) -> tuple[Any, Any]:
    return next((pair for pair in node.value if pair[0].value == name), (None, None))


def _end(node: Any) -> int:
    """Return where a node's own text ends: a block's mark lies behind the comments and empty lines that follow it."""
    if node.id == "scalar" or node.flow_style:
        end: int = node.end_mark.index
        return end
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)
