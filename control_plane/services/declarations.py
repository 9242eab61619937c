"""The stored form of a declaration: canonical JSON of ``domain.applications.Declaration``; and the file that it was read from."""

from typing import Any

import msgspec

from cluster_agent.contract import canonical_json, sha256_hex
from control_plane.domain.applications import ChannelRule, Declaration, read_declaration
from control_plane.domain.channels import rule_of
from control_plane.domain.differences import Change, differences
from control_plane.domain.errors import Refused
from control_plane.store.models import Application
from control_plane.upstreams.application_text import application_text
from control_plane.upstreams.yaml_source import read_yaml


def encode(declaration: Declaration) -> dict[str, Any]:
    """Return the declaration as JSON values: equal to what is stored exactly when it says the same."""
    encoded: dict[str, Any] = msgspec.json.decode(canonical_json(declaration))
    return encoded


def declaration_of(application: Application) -> Declaration:
    """Return what was declared."""
    return read_declaration(application.declaration)


def file_of(application: Application) -> str:
    """Return the application's file: as it was sent, or written from the declaration where none was kept."""
    return application.file or application_text(declaration_of(application))


def file_changes(before: str, after: str) -> tuple[Change, ...]:
    """Return how one application file differs from another below ``spec``, in the file's own words."""
    old, new = (read_yaml(text, file="").plain().get("spec") for text in (before, after))
    return differences(old, new)


def mark_of(application: Application | None) -> str:
    """Return what names the state of a declaration, empty where there is none: whoever changes it says which one was seen."""
    if application is None:
        return ""
    seen = [application.declaration, application.file, application.removed_at is None]
    return sha256_hex(msgspec.json.encode(seen, order="sorted"))[:32]


def channel_rule(application: Application, channel: str) -> ChannelRule:
    """Return how releases enter ``channel``. Raises ``Refused`` where the application does not use it (any more)."""
    rule = rule_of(declaration_of(application).channels, channel)
    if rule is None:
        raise Refused(f"{application.name} does not declare the channel {channel!r}", code="channel_not_declared")
    return rule
