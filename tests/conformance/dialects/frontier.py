"""K8sUpdater: the frontier, the preference for latest, variants."""

from typing import Any

from control_plane.domain.versions.dialects import frontier

Input = dict[str, Any]


def decision(given: Input) -> str:
    current, newer = frontier.read_numbers(given["current"]), frontier.read_numbers(given["newer"])
    return frontier.decide(current, newer, given["frontier"])


def latest(given: Input) -> str:
    exists, prefers = given["newer_latest_exists"], given["latest_preference"]
    return frontier.latest_decision(given["current_tag"], newer_exists=exists, prefers_latest=prefers)


def variant(given: Input) -> str:
    is_same = frontier.are_comparable(given["current_tag"], given["candidate_tag"])
    return "comparable" if is_same else "not_comparable"


ANSWERS = {
    "k8supdater-frontier": {"frontier_decision": decision, "latest_preference": latest, "suffix_variant": variant}
}
