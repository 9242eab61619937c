"""The stored form of a declaration: canonical JSON of ``domain.applications.Declaration``."""

from typing import Any

import msgspec

from cluster_agent.contract import canonical_json
from control_plane.domain.applications import ChannelRule, Declaration, read_declaration
from control_plane.domain.channels import rule_of
from control_plane.domain.errors import Refused
from control_plane.store.models import Application


def encode(declaration: Declaration) -> dict[str, Any]:
    """Return the declaration as JSON values: equal to what is stored exactly when it says the same."""
    encoded: dict[str, Any] = msgspec.json.decode(canonical_json(declaration))
    return encoded


def declaration_of(application: Application) -> Declaration:
    """Return what was declared."""
    return read_declaration(application.declaration)


def channel_rule(application: Application, channel: str) -> ChannelRule:
    """Return how releases enter ``channel``. Raises ``Refused`` where the application does not use it (any more)."""
    rule = rule_of(declaration_of(application).channels, channel)
    if rule is None:
        raise Refused(f"{application.name} does not declare the channel {channel!r}", code="channel_not_declared")
    return rule
