"""Flux's image policies, as whole policies of ours."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from control_plane.domain.versions.dialects import flux
from control_plane.domain.versions.patterns import compile_pattern
from control_plane.domain.versions.policy import Context, Filter, Policy, Tag
from control_plane.domain.versions.ranges import parse_range
from control_plane.domain.versions.selection import choose
from tests.conformance.dialects.answering import Answer, Input, valid

NOW = Context(now=datetime(2026, 11, 24, 12, 0, tzinfo=UTC))


def filtered(given: Mapping[str, Any]) -> list[str]:
    """Return what Flux's policy reads: tags that match, or what is extracted of them, each once, sorted."""
    pattern = compile_pattern(f"regexp:{given.get('pattern') or ''}")
    found = {tag: pattern.expand(tag, given.get("extract") or "$0") for tag in given["tags"]}
    return sorted({(text if given.get("extract") else tag) for tag, text in found.items() if text is not None})


def policy_of(given: Input) -> Policy:
    wanted, filtering = given["policy"], given.get("filter") or {}
    pattern, extract = f"regexp:{filtering.get('pattern') or ''}", filtering.get("extract") or ""
    only = Filter(extract=pattern, to=extract) if extract else Filter(include=(pattern,) if filtering else ())
    match wanted.get("type"):
        case "semver":
            return Policy(dialect="flux-semver", rule=wanted["range"], filter=only)
        case "alphabetical":
            order = flux.read_order((wanted.get("order") or "").upper())
            return Policy(dialect="flux-alphabetical", order=order, filter=only)
        case "numerical":
            order = flux.read_order((wanted.get("order") or "").upper())
            return Policy(dialect="flux-numerical", order=order, filter=only)
    raise ValueError(f"{wanted} is no policy")


def select(given: Input) -> dict[str, str]:
    policy, tags = policy_of(given), given.get("tags") or []
    if policy.dialect == "flux-numerical":
        read = filtered({**(given.get("filter") or {}), "tags": tags})
        if any(flux.read_number(text) is None for text in read):
            raise ValueError("Flux gives the whole policy up where one tag is no number")
    found = choose(policy, [Tag(name=tag) for tag in dict.fromkeys(tags)], NOW)
    if found is None:
        raise ValueError("Flux calls it an error where no tag is wanted")
    return {"tag": found.tag}


FLUX: dict[str, Answer] = {
    "range_parse": lambda given: valid(parse_range, given["range"]),
    "order_valid": lambda given: valid(flux.read_order, given["order"]),
    "tag_filter": filtered,
    "tag_select": select,
}

ANSWERS: dict[str, dict[str, Answer]] = {"flux-imagepolicy": FLUX}
