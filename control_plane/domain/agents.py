"""Agents beside the control plane: which cannot take what their channel has, and which are older. PURE.

The control plane is updated first. An agent that cannot take a release refuses it and says so; this says it before it tries.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from control_plane.domain.versions.semver import is_older


@dataclass(frozen=True, slots=True)
class AgentStanding:
    """An agent's version (empty: it has not reported), whether an update is due, and why in words."""

    version: str
    update: Literal["", "available", "needed"] = ""
    words: str = ""


def agent_standing(facts: Mapping[str, Any], *, required: Collection[str], own_version: str) -> AgentStanding:
    """Judge the agent that reported ``facts``. ``required`` is what its channel's newest generation needs of an agent."""
    version = str(facts.get("agent_version") or "")
    if not facts:
        return AgentStanding(version)
    if missing := sorted(set(required) - set(facts.get("capabilities") or ())):
        return AgentStanding(version, "needed", f"it cannot take what its channel has ({', '.join(missing)})")
    if version and is_older(version, own_version):
        return AgentStanding(version, "available", f"this control plane is {own_version}")
    return AgentStanding(version)


def required_of(applications: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return what the applications of a manifest, as stored, need of an agent."""
    return frozenset(word for one in applications for word in one.get("requires", ()))
