"""The application file (``apiVersion: tidegate.dev/v1``): its one description, its reader and its JSON Schema.

``FORMAT`` is the single source: the reader checks by it and ``json_schema`` publishes it. Every mistake is told at once, with
file, line, column, field and what would be right. JSON is YAML, so the API's callers may send either.
"""

import difflib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import msgspec
from cronsim import CronSim, CronSimError

from cluster_agent.contract import BackupStep
from control_plane.domain.applications import ChannelRule, Declaration, RehearsalRule
from control_plane.domain.errors import InvalidInput, Mistake, Place
from control_plane.upstreams.fields import Check, Duration, Field, Free, ListOf, Record, Text, Whole
from control_plane.upstreams.places_file import (
    CHART_FIELDS,
    IMAGE_FIELDS,
    OTHER_FIELDS,
    TOGETHER,
    at,
    chart_of,
    check_upstreams,
    image_of,
    other_of,
)
from control_plane.upstreams.suite_pack import pack_suite, suite_digest
from control_plane.upstreams.yaml_source import MAX_BYTES, Value, read_yaml

API_VERSION, KIND = "tidegate.dev/v1", "Application"
SCHEMA_ID = "https://tidegate.dev/schemas/application.v1.json"
_DAY = 86400.0
_DNS_LABEL = r"^[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?$"
_SELECTOR = r"^[A-Za-z0-9_./-]+\s*(=|==|!=|\s(in|notin)\s).+|^!?[A-Za-z0-9_./-]+$"
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
# TUF's own roles: a channel of such a name would overwrite its files.
_RESERVED_CHANNELS = frozenset({"root", "targets", "snapshot", "timestamp", "rollouts"})


def _cron_problem(text: str) -> tuple[str, str] | None:
    try:
        next(CronSim(text, _SOME_DAY))
    except (CronSimError, StopIteration) as error:
        return f"{text[:80]!r} is no cron text: {str(error) or 'it is never due'}", "for example '*/5 * * * *'"
    return None


def _zone_problem(text: str) -> tuple[str, str] | None:
    near = difflib.get_close_matches(text, available_timezones(), n=1)
    return (
        None
        if text in available_timezones()
        else (
            f"{text[:80]!r} is no time zone",
            f"did you mean {near[0]!r}?" if near else "for example 'Europe/Amsterdam'",
        )
    )


def _namespace_problem(text: str) -> tuple[str, str] | None:
    return ("Kubernetes' own namespaces are left alone", "choose another name") if text.startswith("kube-") else None


def _channel_problem(text: str) -> tuple[str, str] | None:
    return (
        (f"{text!r} is a name of the channels' own files", "choose another name")
        if text in _RESERVED_CHANNELS
        else None
    )


_NAME = Text(_DNS_LABEL, examples=("miniflux",))
_WORDS = ListOf(Text(may_be_empty=True), least=1)
_BACKUP = Record(
    {
        "name": Field(_NAME, "Name of the backup.", required=True),
        "pod": Field(
            Text(_SELECTOR, examples=("app=database",)), "Label selector of the pod to run in.", required=True
        ),
        "container": Field(_NAME, "Container of the pod.", default="the first one"),
        "dump": Field(_WORDS, "Command whose standard output is kept.", required=True),
        "restore": Field(_WORDS, "Command that gets it on standard input.", required=True),
        "quiesce": Field(
            ListOf(Text(r"^(deployment|statefulset)/[a-z0-9.-]+$", examples=("deployment/web",))),
            "Workloads scaled to zero while restoring.",
        ),
    }
)
_CHANNEL = Record(
    {
        "name": Field(Text(_DNS_LABEL, _channel_problem, examples=("stable",)), "Name of the channel.", required=True),
        "after": Field(_NAME, "The channel a release has to be in first.", default="none: from the rehearsal"),
        "soak": Field(Duration(), "How long it has to be there.", default="`0s`"),
        "approvals": Field(Whole(0, 20), "How many people have to agree.", default="0: it enters by itself"),
    }
)
_SPEC = Record(
    {
        "description": Field(Text(may_be_empty=True), "One line for people."),
        "chart": Field(CHART_FIELDS, "Where the Helm chart's versions appear.", required=True),
        "images": Field(ListOf(IMAGE_FIELDS), "Images that must be there before a chart's version becomes a release."),
        "upstreams": Field(ListOf(OTHER_FIELDS, most=20), "Further places whose versions must be there, or agree."),
        "together": Field(
            TOGETHER,
            "`same version`, or a JMESPath expression that must be true.",
            default="each has its own best",
        ),
        "poll": Field(Duration(1, _DAY), "How often each place is asked.", default="`60s`"),
        "schedule": Field(
            Record(
                {
                    "cron": Field(
                        Text(refuse=_cron_problem, examples=("*/5 * * * *",)), "When instead of `poll`.", required=True
                    ),
                    "timeZone": Field(
                        Text(refuse=_zone_problem, examples=("Europe/Amsterdam",)), "The cron text's.", default="`UTC`"
                    ),
                }
            ),
            "When each place is asked.",
        ),
        "timeout": Field(Duration(1, _DAY), "How long a change may take in a cluster.", default="`5m`"),
        "namespace": Field(
            Text(_DNS_LABEL, _namespace_problem, examples=("miniflux",)),
            "Namespace in every cluster.",
            default="the application's name",
        ),
        "values": Field(Free(), "Helm values, in rehearsals and in every cluster."),
        "suite": Field(
            Record({"path": Field(Text(), "Folder beside the file.", required=True)}),
            "The application's own pytest suite.",
        ),
        "rehearsal": Field(
            Record(
                {
                    "timeout": Field(Duration(1, _DAY), "Limit of a whole rehearsal.", default="`15m`"),
                    "values": Field(Free(), "Helm values laid over `values`, in rehearsals only."),
                }
            ),
            "How releases are rehearsed.",
        ),
        "backup": Field(ListOf(_BACKUP, most=20), "What is saved before a change and put back where needed."),
        "channels": Field(
            ListOf(_CHANNEL, least=1, most=20), "The way of a release, channel by channel.", required=True
        ),
    }
)
FORMAT = Record(
    {
        "apiVersion": Field(Text(choices=(API_VERSION,)), "Version of this format.", required=True),
        "kind": Field(Text(choices=(KIND,)), "What the file declares.", required=True),
        "metadata": Field(
            Record({"name": Field(_NAME, "The application's name.", required=True)}), "Name.", required=True
        ),
        "spec": Field(_SPEC, "The declaration.", required=True),
    }
)


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """An application file as read from disk, and its suite packed."""

    text: str
    suite: bytes | None
    declaration: Declaration


def load_application_file(path: Path) -> LoadedFile:
    """Read and check a file, and pack the suite's folder beside it. Raises ``InvalidInput`` with every mistake."""
    if path.stat().st_size > MAX_BYTES:
        raise InvalidInput(f"{path} is larger than {MAX_BYTES // 1024} KiB")
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is no UTF-8 text: {error.reason} at byte {error.start}") from None
    source, checked = _checked(text, str(path))
    suite = _packed(source, path, checked)
    return LoadedFile(text, suite, _declaration(checked, suite_digest(suite) if suite is not None else None))


def parse_application_file(
    text: str, *, file: str = "application.yaml", suite: bytes | None = None, kept_suite: str | None = None
) -> Declaration:
    """Read the text of a file (YAML or JSON) whose suite is packed in ``suite``, or kept already under the digest ``kept_suite``.

    Raises ``InvalidInput`` with every mistake.
    """
    source, checked = _checked(text, file)
    digest = suite_digest(suite) if suite is not None else kept_suite
    if "suite" in checked["spec"] and digest is None:
        value = source.content["spec"].content["suite"]
        raise _mistaken(
            value,
            file,
            "spec.suite",
            "the suite's archive did not come with the file",
            "send it: `tidegate app apply -f`",
        )
    return _declaration(checked, digest)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the format, as published in ``docs/application.schema.json``."""
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Tidegate application",
    }
    return {**head, **FORMAT.schema()}


def _checked(text: str, file: str) -> tuple[Value, dict[str, Any]]:
    source, check = read_yaml(text, file=file), Check(file)
    read = FORMAT.read(source, "", check) or {}
    channels = at(source, "spec", "channels")
    if channels is not None and isinstance(channels.content, list):
        _check_channels(channels, check)
    check_upstreams(source, check)
    if check.mistakes:
        mistakes = tuple(sorted(check.mistakes, key=lambda one: (one.place.line or 0, one.place.column or 0)))
        count = f"{len(mistakes)} mistakes" if len(mistakes) > 1 else "one mistake"
        raise InvalidInput(f"{file} has {count}", mistakes=mistakes, code="application_file")
    return source, read


def _check_channels(channels: Value, check: Check) -> None:
    """Names are given once, ``after`` names another channel, and following it ends."""
    after: dict[str, str | None] = {}
    for position, channel in enumerate(channels.content):
        name, previous = at(channel, "name"), at(channel, "after")
        path = f"spec.channels[{position}]"
        if name is None or not isinstance(name.content, str):
            continue
        if name.content in after:
            check.wrong(name, f"{path}.name", f"there are two channels {name.content!r}")
        after[name.content] = previous.content if previous is not None else None
        if previous is None and (soak := at(channel, "soak")) is not None and soak.content not in {"0s", "0m"}:
            check.wrong(soak, f"{path}.soak", "there is no channel to soak in", "say which: after: edge")
    for position, channel in enumerate(channels.content):
        if (previous := at(channel, "after")) is not None and (
            problem := _after_problem(at(channel, "name"), previous, after)
        ):
            check.wrong(previous, f"spec.channels[{position}].after", *problem)


def _after_problem(name: Value | None, previous: Value, after: dict[str, str | None]) -> tuple[str, str] | None:
    if previous.content not in after:
        return f"there is no channel {previous.content!r}", f"channels here: {', '.join(after)}"
    seen, step = {name.content if name else None}, previous.content
    while step is not None and step not in seen:
        seen.add(step)
        step = after.get(step)
    return (
        ("the channels wait for each other in a circle", "one of them enters from the rehearsal: no `after`")
        if step
        else None
    )


def _packed(source: Value, path: Path, checked: dict[str, Any]) -> bytes | None:
    if "suite" not in checked["spec"]:
        return None
    folder = (path.parent / checked["spec"]["suite"]["path"]).resolve()
    try:
        return pack_suite(folder)
    except InvalidInput as error:
        value = source.content["spec"].content["suite"].content["path"]
        raise _mistaken(value, str(path), "spec.suite.path", error.message, "a folder beside the file") from None


def _mistaken(value: Value, file: str, field: str, problem: str, hint: str) -> InvalidInput:
    mistake = Mistake(Place(field, file, value.line, value.column), problem, hint)
    return InvalidInput(f"{file} has one mistake", mistakes=(mistake,), code="application_file")


def _declaration(checked: dict[str, Any], digest: str | None) -> Declaration:
    """Turn what was read into the type; what was left out gets the type's defaults."""
    spec, name = checked["spec"], checked["metadata"]["name"]
    wanted = {
        "name": name,
        "namespace": spec.get("namespace", name),
        "chart": chart_of(spec["chart"]),
        "images": tuple(image_of(one) for one in spec.get("images", ())),
        "others": tuple(other_of(one) for one in spec.get("upstreams", ())),
        "channels": tuple(_renamed(ChannelRule, channel, soak="soak_seconds") for channel in spec["channels"]),
        "backup": tuple(msgspec.convert(step, BackupStep) for step in spec.get("backup", ())),
        "rehearsal": _renamed(RehearsalRule, spec.get("rehearsal", {}), timeout="timeout_seconds"),
        "suite_digest": digest if "suite" in spec else None,
    }
    same = {key: spec[key] for key in ("description", "values", "together") if key in spec}
    schedule = spec.get("schedule", {})
    same |= {name: schedule[key] for key, name in (("cron", "cron"), ("timeZone", "zone")) if key in schedule}
    times = {f"{key}_seconds": spec[key] for key in ("poll", "timeout") if key in spec}
    return Declaration(**wanted, **same, **times)


def _renamed(kind: type[Any], read: dict[str, Any], **names: str) -> Any:
    return kind(**{names.get(key, key): value for key, value in read.items()})
