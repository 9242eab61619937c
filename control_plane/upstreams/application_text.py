"""Writes a declaration as the application file that people would have written: the reader reads the very same out of it.

For declarations whose own file nobody kept. What has its default is left out.
"""

from typing import Any

import msgspec

from cluster_agent.contract import BackupStep
from control_plane.domain.applications import (
    SAME_AS_CHART,
    ChannelRule,
    ChartUpstream,
    Declaration,
    ImageUpstream,
    OtherUpstream,
    RehearsalRule,
)
from control_plane.domain.versions.policy import Policy
from control_plane.upstreams.application_file import API_VERSION, KIND
from control_plane.upstreams.fields import duration_text
from control_plane.upstreams.policy_text import policy_fields
from control_plane.upstreams.yaml_source import write_yaml

SUITE_FOLDER = "suite"  # where a suite came from is not kept, only what was in it


def application_text(declaration: Declaration) -> str:
    """Return the file. ``parse_application_file`` reads ``declaration`` out of it, with its suite's archive where it has one."""
    head = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": declaration.name}}
    return write_yaml({**head, "spec": _given(_spec(declaration))})


def _spec(declared: Declaration) -> dict[str, Any]:
    return {
        "description": declared.description,
        "chart": _chart(declared.chart),
        "images": [_image(one) for one in declared.images],
        "upstreams": [_other(one) for one in declared.others],
        "together": declared.together,
        **_schedule(declared),
        "timeout": _time(declared.timeout_seconds, Declaration, "timeout_seconds"),
        "namespace": "" if declared.namespace == declared.name else declared.namespace,
        "values": declared.values,
        "suite": {"path": SUITE_FOLDER} if declared.suite_digest else {},
        "rehearsal": _given(_rehearsal(declared.rehearsal)),
        "backup": [_given(_backup(step)) for step in declared.backup],
        "channels": [_channel(rule) for rule in declared.channels],
    }


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in ("", [], {}, None)}


def _schedule(declared: Declaration) -> dict[str, Any]:
    if not declared.cron:
        return {"poll": _time(declared.poll_seconds, Declaration, "poll_seconds")}
    zone = {"timeZone": declared.zone} if declared.zone != "UTC" else {}
    return {"schedule": {"cron": declared.cron, **zone}}


def _chart(chart: ChartUpstream) -> dict[str, Any]:
    place = {"oci": chart.oci, "helm": chart.helm, "name": chart.name, "git": chart.git, "path": chart.path}
    branch = {"follow": "branch", "branch": chart.branch} if chart.branch else {}
    return _given({**place, **branch}) | ({} if chart.version == "*" else {"version": _wanted(chart.version)})


def _image(image: ImageUpstream) -> dict[str, Any]:
    wanted = {} if image.tag == SAME_AS_CHART else {"tag": _wanted(image.tag)}
    return {"name": image.name, **_given({"alias": image.alias}), **wanted, **_given({"set": list(image.set)})}


def _other(other: OtherUpstream) -> dict[str, Any]:
    source = other.source
    chart = {"chart": source.name} if source.kind == "helm" and source.name != other.name else {}
    place = {source.kind: source.location, **chart, **_given({"path": source.path, "branch": source.branch})}
    return {"name": other.name, **place} | (
        {} if other.version == SAME_AS_CHART else {"version": _wanted(other.version)}
    )


def _wanted(wanted: str | Policy) -> str | dict[str, Any]:
    return policy_fields(wanted) if isinstance(wanted, Policy) else wanted


def _rehearsal(rule: RehearsalRule) -> dict[str, Any]:
    return {"timeout": _time(rule.timeout_seconds, RehearsalRule, "timeout_seconds"), "values": rule.values}


def _backup(step: BackupStep) -> dict[str, Any]:
    return dict(msgspec.to_builtins(step))


def _channel(rule: ChannelRule) -> dict[str, Any]:
    soak = duration_text(rule.soak_seconds) if rule.soak_seconds else ""
    approvals = {"approvals": rule.approvals} if rule.approvals else {}
    return {"name": rule.name, **_given({"after": rule.after, "soak": soak}), **approvals}


def _time(seconds: float, kind: type[msgspec.Struct], name: str) -> str:
    """Return a length of time, empty where it is the default."""
    default = next(field.default for field in msgspec.structs.fields(kind) if field.name == name)
    return "" if seconds == default else duration_text(seconds)
