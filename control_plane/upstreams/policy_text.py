"""A policy on its own, outside an application file: as text or as a mapping, read by the same rules and with the same mistakes."""

from typing import Any

import msgspec

from control_plane.domain.errors import InvalidInput, Mistake, Place
from control_plane.domain.versions.policy import Policy
from control_plane.domain.versions.ranges import InvalidRange
from control_plane.domain.versions.readings import compile_policy
from control_plane.upstreams.fields import Check, duration_text
from control_plane.upstreams.policy_file import read_policy
from control_plane.upstreams.yaml_source import read_yaml, write_yaml

_HINT = "for example '>=2.2.8 <3', or a mapping such as 'dialect: keel' with 'rule: minor'"


def parse_policy(written: str | dict[str, Any], *, file: str = "policy") -> Policy:
    """Return the policy of a Helm range, or of YAML or JSON that says everything. Raises ``InvalidInput`` with every mistake."""
    text = written if isinstance(written, str) else msgspec.json.encode(written).decode()
    if not text.strip():
        raise InvalidInput("there is no policy", mistakes=(Mistake(Place("policy", file), "is empty", _HINT),))
    if _is_range(text):
        return _range(text.strip(), file)
    value = read_yaml(text, file=file)
    if isinstance(value.content, str):
        return _range(value.content.strip(), file)
    check = Check(file)
    policy = read_policy(value, "policy", check) if isinstance(value.content, dict) else None
    if policy is None:
        mistakes = tuple(check.mistakes) or (Mistake(Place("policy", file), "is neither a range nor a mapping", _HINT),)
        raise InvalidInput("the policy is not right", code="policy", mistakes=mistakes)
    return policy


def policy_text(policy: Policy) -> str:
    """Return a policy as people write it in a file; ``parse_policy`` reads the same out of it."""
    return policy.rule if policy == Policy(rule=policy.rule) else write_yaml(policy_fields(policy))


def policy_fields(policy: Policy) -> dict[str, Any]:
    """Return a policy as the mapping that people write; what has its default is left out."""
    written = msgspec.to_builtins(policy)
    filters, guards = written.pop("filter", {}), written.pop("guards", {})
    if extract := filters.pop("extract", ""):
        filters["extract"] = {"pattern": extract, **({"to": filters.pop("to")} if "to" in filters else {})}
    if age := guards.pop("minimum_age_seconds", 0.0):
        guards["minimumAge"] = duration_text(age)
    renamed = {"digest": "followDigest", "notify_only": "notifyOnly"}
    return {renamed.get(name, name): value for name, value in {**written, **filters, **guards}.items()}


def _is_range(text: str) -> bool:
    """Say whether a single line is no mapping: ``*`` and ``>=2`` would be something else in YAML."""
    line = text.strip()
    return "\n" not in line and ":" not in line and not line.startswith(("{", "[", '"', "'"))


def _range(text: str, file: str) -> Policy:
    policy = Policy(rule=text)
    try:
        compile_policy(policy)
    except InvalidRange as error:
        mistake = Mistake(Place("policy", file), f"{text!r} is no version range: {error}", _HINT)
        raise InvalidInput("the policy is not right", code="policy", mistakes=(mistake,)) from None
    return policy
