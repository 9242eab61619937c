"""Flux's image policies."""

from typing import Any

from control_plane.domain.versions.dialects import flux
from control_plane.domain.versions.patterns import compile_pattern
from control_plane.domain.versions.policy import Order, Rule, Tag
from control_plane.domain.versions.ranges import parse_range
from tests.conformance.dialects.answering import Answer, Input, valid


def filtered(given: Input) -> dict[str, str]:
    """Return the tag by what the pattern extracts of it."""
    pattern = compile_pattern(f"regexp:{given['pattern']}")
    extracted = ((pattern.expand(tag, given["extract"] or "$0"), tag) for tag in given["tags"])
    return {(text if given["extract"] else tag): tag for text, tag in extracted if text is not None}


def rule_of(policy: dict[str, str]) -> tuple[Rule, Order]:
    match policy["type"]:
        case "semver":
            return flux.compile_semver(policy["range"], current=""), "ascending"
        case "alphabetical":
            return flux.compile_alphabetical("*", current=""), flux.read_order(policy["order"])
        case kind:
            assert kind == "numerical"
            return flux.compile_numerical("*", current=""), flux.read_order(policy["order"])


def select(given: Input) -> dict[str, str]:
    texts = (
        filtered({**given["filter"], "tags": given["tags"]})
        if given.get("filter")
        else {tag: tag for tag in given["tags"]}
    )
    rule, order = rule_of(given["policy"])
    readings = {text: rule.read(text, Tag(name=tag)) for text, tag in texts.items()}
    if given["policy"]["type"] == "numerical" and any(reading.key is None for reading in readings.values()):
        raise ValueError("Flux gives the whole policy up where one tag is no number")
    wanted: list[tuple[Any, str]] = [
        (reading.key, text) for text, reading in readings.items() if reading.key is not None and not reading.refusal
    ]
    best = (max if order == "ascending" else min)(wanted)  # a ValueError where there is none
    return {"tag": texts[best[1]]}


FLUX: dict[str, Answer] = {
    "range_parse": lambda given: valid(parse_range, given["range"]),
    "order_valid": lambda given: valid(flux.read_order, given["order"]),
    "tag_filter": lambda given: sorted(filtered(given)),
    "tag_select": select,
}

ANSWERS: dict[str, dict[str, Answer]] = {"flux-imagepolicy": FLUX}
