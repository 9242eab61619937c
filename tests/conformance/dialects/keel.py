"""Keel: policies, which tag they take, what Kubernetes metadata names."""

from typing import Any

from control_plane.domain.versions import references
from control_plane.domain.versions.dialects import keel
from tests.conformance.dialects.answering import valid

Input = dict[str, Any]


def policy_of(given: Input) -> keel.KeelPolicy:
    return keel.parse_policy(
        given["policy"],
        match_prerelease=bool(given.get("match_prerelease", True)),
        match_tag=bool(given.get("match_tag", False)),
    )


def should_update(given: Input) -> dict[str, bool]:
    return {"update": policy_of(given).should_update(given["current"], given["candidate"]), "error": False}


def from_metadata(given: Input) -> dict[str, Any]:
    policy, match = keel.policy_of_metadata(given["labels"], given["annotations"]) or ("", True)
    return {"policy": policy, "match_prerelease": match}


def image_parse(given: Input) -> dict[str, str]:
    text = given["image"]
    scheme, separator, rest = text.partition("://")
    reference = references.docker_reference(rest if separator else text)
    registry = reference.domain if reference.domain != references.DEFAULT_DOMAIN else given["default_registry"]
    return {
        "registry": registry,
        "repository": reference.path,
        "tag": reference.tag,
        "remote": f"{registry}/{reference.path}:{reference.tag}",
        "scheme": scheme if separator else "https",
    }


def version_from_image(given: Input) -> dict[str, Any]:
    tag = references.docker_reference(given["image"]).tag
    return valid(keel.read_version, tag) | {"version": tag}


def version_parse(given: Input) -> dict[str, Any]:
    try:
        version = keel.read_version(given["version"])
    except ValueError:
        return {"valid": False}
    return {"valid": True, "major": version.major, "minor": version.minor, "patch": version.patch}


ANSWERS = {
    "keel-policy": {
        "policy_should_update": should_update,
        "policy_select": lambda given: keel.select(policy_of(given), given["current"], given["available"]),
        "policy_filter_order": lambda given: policy_of(given).ordered(given["tags"]),
        "policy_from_metadata": from_metadata,
        "trigger_from_metadata": lambda given: keel.trigger_of_metadata(given["labels"], given["annotations"]),
        "version_from_image": version_from_image,
        "version_parse": version_parse,
        "image_parse": image_parse,
    }
}
