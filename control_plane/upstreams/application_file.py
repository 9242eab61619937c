"""The application file (``apiVersion: tidegate.dev/v1``): its one description, its reader and its JSON Schema.

``FORMAT`` is the single source: the reader checks by it and ``json_schema`` publishes it. Every mistake is told at once, with
file, line, column, field and what would be right. JSON is YAML, so the API's callers may send either.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import msgspec
from cronsim import CronSim, CronSimError

from cluster_agent.contract import BackupStep
from control_plane.domain.applications import (
    CHART,
    SAME_AS_CHART,
    ChannelRule,
    ChartUpstream,
    Declaration,
    ImageUpstream,
    OtherUpstream,
    RehearsalRule,
)
from control_plane.domain.errors import InvalidInput, Mistake, Place
from control_plane.domain.sources import Kind as SourceKind
from control_plane.domain.sources import SourceSpec
from control_plane.domain.versions import InvalidRange, InvalidReference, parse_range, references
from control_plane.domain.versions.combining import (
    SAME_VERSION,
    InvalidAgreement,
    check_together,
    compile_expression,
)
from control_plane.upstreams.fields import Check, Duration, Field, Free, ListOf, Record, Text, Whole
from control_plane.upstreams.policy_file import TextOrPolicy
from control_plane.upstreams.suite_pack import pack_suite, suite_digest
from control_plane.upstreams.yaml_source import MAX_BYTES, Value, read_yaml

API_VERSION, KIND = "tidegate.dev/v1", "Application"
SCHEMA_ID = "https://tidegate.dev/schemas/application.v1.json"
_DAY = 86400.0
_DNS_LABEL = r"^[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?$"
_SELECTOR = r"^[A-Za-z0-9_./-]+\s*(=|==|!=|\s(in|notin)\s).+|^!?[A-Za-z0-9_./-]+$"
_USUAL = {"github": "github.com", "gitlab": "gitlab.com", "gitea": ""}  # servers that need not be named
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_TOGETHER_HINT = "for example 'same version' or 'images.web.tag == images.worker.tag'"
# TUF's own roles: a channel of such a name would overwrite its files.
_RESERVED_CHANNELS = frozenset({"root", "targets", "snapshot", "timestamp", "rollouts"})


def _range_problem(text: str) -> tuple[str, str] | None:
    try:
        parse_range(text)
    except InvalidRange as error:
        return f"{text!r} is no version range: {error}", "for example '>=2.2.8 <3', '~1.4' or '*'"
    return None


def _tag_problem(text: str) -> tuple[str, str] | None:
    return None if text == SAME_AS_CHART else _range_problem(text)


def _repository_problem(text: str) -> tuple[str, str] | None:
    if "://" in text:
        return f"{text!r} has a scheme", f"write {text.partition('://')[2]!r}"
    try:
        reference = references.normalise(text)
    except InvalidReference as error:
        return str(error), "for example 'ghcr.io/tidegate/charts/miniflux'"
    if reference.tag or reference.digest:
        return f"{text!r} has a tag or digest", f"write {reference.repository!r}: versions are chosen by a range"
    if reference.repository != text:
        return f"{text!r} does not name its registry", f"write {reference.repository!r}"
    return None


def _web_problem(text: str) -> tuple[str, str] | None:
    return _url_problem(text, ("https", "http"), "for example 'https://charts.example.org/stable'")


def _git_problem(text: str) -> tuple[str, str] | None:
    return _url_problem(
        text, ("https", "http", "ssh"), "for example 'https://git.example.org/acme/web' or 'ssh://git@host/acme/web'"
    )


def _url_problem(text: str, schemes: tuple[str, ...], example: str) -> tuple[str, str] | None:
    """Secrets in addresses are never repeated: they would be shown wherever a mistake is."""
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError:
        return "is no URL", example
    if url.password is not None or (url.username and url.scheme != "ssh"):
        return "has credentials in the URL", "leave them out and name them in the control plane's settings"
    if url.scheme not in schemes or not host or url.fragment or not text.isprintable() or " " in text:
        return f"{text[:80]!r} is no URL that can be asked", example
    return None


def _forge(usual: str) -> Text:
    """A repository of a forge: ``owner/name`` on the usual server, or its URL."""
    example = "acme/web" if usual else "https://codeberg.org/acme/web"

    def refuse(text: str) -> tuple[str, str] | None:
        if "://" in text:
            problem = _web_problem(text)
            path = "" if problem else urlsplit(text).path.strip("/")
        else:
            problem, path = None, text
        if problem is None and not (re.fullmatch(r"[\w.-]+(/[\w.-]+)+", path) and (usual or "://" in text)):
            problem = f"{text[:80]!r} names no repository", f"for example {example!r}"
        return problem

    return Text(refuse=refuse, examples=(example,))


def _folder_problem(text: str) -> tuple[str, str] | None:
    bad = text.startswith("/") or "\\" in text or any(part in {"", ".."} for part in text.rstrip("/").split("/"))
    return (f"{text[:80]!r} is no folder of the repository", "for example 'charts/web'") if bad else None


def _jmespath_problem(text: str) -> tuple[str, str] | None:
    try:
        compile_expression(text)
    except InvalidAgreement as error:
        return f"{text[:80]!r} {error}", "for example 'releases[].version'"
    return None


def _together_problem(text: str) -> tuple[str, str] | None:
    return None if text == SAME_VERSION or not (problem := _jmespath_problem(text)) else (problem[0], _TOGETHER_HINT)


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
_VERSION = TextOrPolicy(Text(refuse=_range_problem, examples=(">=2.2.8 <3",)))
_TAG = TextOrPolicy(Text(refuse=_tag_problem, examples=(SAME_AS_CHART,)))
_OCI = Text(refuse=_repository_problem, examples=("ghcr.io/acme/charts/web",))
_WEB = Text(refuse=_web_problem, examples=("https://charts.example.org",))
_GIT = Text(refuse=_git_problem, examples=("https://git.example.org/acme/web",))
_FOLDER = Text(refuse=_folder_problem, examples=("charts/web",))
_FOLLOW = Text(choices=("tags", "branch"))
_BRANCH = Text(r"^[A-Za-z0-9_][A-Za-z0-9_./+-]{0,200}$", examples=("main",))
_HELM_NAME = Text(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,200}$", examples=("web",))
_ALIAS = Text(r"^[a-z0-9]([a-z0-9_.-]{0,51}[a-z0-9])?$", examples=("worker",))
_CHART = Record(
    {
        "oci": Field(_OCI, "The chart's OCI repository, without scheme and tag."),
        "helm": Field(_WEB, "Or: URL of a Helm repository (the folder of its index.yaml)."),
        "name": Field(_HELM_NAME, "With `helm`: the chart's name there."),
        "git": Field(_GIT, "Or: URL of a git repository."),
        "path": Field(_FOLDER, "With `git`: folder with a Chart.yaml, or of YAML.", default="the repository's root"),
        "follow": Field(_FOLLOW, "With `git`: `tags`, or the commits of a `branch`.", default="`tags`"),
        "branch": Field(_BRANCH, "With `follow: branch`: which.", default="`main`"),
        "version": Field(_VERSION, "Helm range of chart versions, or a policy.", default="`*`, any release"),
    }
)
_IMAGE = Record(
    {
        "name": Field(Text(refuse=_repository_problem), "The image's repository, with its registry.", required=True),
        "alias": Field(_ALIAS, "Its name in `together` and in a release's version.", default="the last part of `name`"),
        "tag": Field(_TAG, "`same-as-chart`, a Helm range over the tags, or a policy.", default=f"`{SAME_AS_CHART}`"),
        "set": Field(
            ListOf(Text(r"^[\w-]+(\[\d+\])?(\.[\w-]+(\[\d+\])?)*$", examples=("image.tag",)), most=20),
            "Helm values that get the chosen tag.",
        ),
    }
)
_OTHER = Record(
    {
        "name": Field(_ALIAS, "Its name in `together` and in a release's version.", required=True),
        "oci": Field(_OCI, "An OCI repository."),
        "helm": Field(_WEB, "Or: URL of a Helm repository."),
        "chart": Field(_HELM_NAME, "With `helm`: the chart's name there.", default="`name`"),
        "git": Field(_GIT, "Or: URL of a git repository."),
        "branch": Field(_BRANCH, "With `git`: follow this branch's commits.", default="tags are followed"),
        "github": Field(_forge(_USUAL["github"]), "Or: releases of a GitHub repository, `owner/name`."),
        "gitlab": Field(_forge(_USUAL["gitlab"]), "Or: releases of a GitLab project, `group/name`."),
        "gitea": Field(_forge(""), "Or: releases of a Gitea or Forgejo repository, its URL."),
        "json": Field(_WEB, "Or: URL of a JSON document."),
        "path": Field(
            Text(refuse=_jmespath_problem, examples=("releases[].version",)), "With `json`: JMESPath of the versions."
        ),
        "version": Field(
            _TAG, "`same-as-chart`, a Helm range over the tags, or a policy.", default=f"`{SAME_AS_CHART}`"
        ),
    }
)
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
        "chart": Field(_CHART, "Where the Helm chart's versions appear.", required=True),
        "images": Field(ListOf(_IMAGE), "Images that must be there before a chart's version becomes a release."),
        "upstreams": Field(ListOf(_OTHER, most=20), "Further places whose versions must be there, or agree."),
        "together": Field(
            Text(refuse=_together_problem, examples=(SAME_VERSION, "images.web.tag == images.worker.tag")),
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


# What may stand beside each place, and what has to.
CHART_PLACES = {"oci": (), "helm": ("name",), "git": ("path", "follow", "branch")}
OTHER_PLACES: dict[str, tuple[str, ...]] = {
    "oci": (),
    "helm": ("chart",),
    "git": ("branch",),
    "github": (),
    "gitlab": (),
    "gitea": (),
    "json": ("path",),
}
_NEEDED = {"spec.chart": (("helm", "name"),), "spec.upstreams": (("json", "path"),)}


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
    return LoadedFile(text, suite, _declaration(checked, suite))


def parse_application_file(text: str, *, file: str = "application.yaml", suite: bytes | None = None) -> Declaration:
    """Read the text of a file (YAML or JSON) whose suite is packed in ``suite``. Raises ``InvalidInput`` with every mistake."""
    source, checked = _checked(text, file)
    if "suite" in checked["spec"] and suite is None:
        value = source.content["spec"].content["suite"]
        raise _mistaken(
            value,
            file,
            "spec.suite",
            "the suite's archive did not come with the file",
            "send it: `tidegate app apply -f`",
        )
    return _declaration(checked, suite)


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
    channels = _at(source, "spec", "channels")
    if channels is not None and isinstance(channels.content, list):
        _check_channels(channels, check)
    _check_upstreams(source, check)
    if check.mistakes:
        mistakes = tuple(sorted(check.mistakes, key=lambda one: (one.place.line or 0, one.place.column or 0)))
        count = f"{len(mistakes)} mistakes" if len(mistakes) > 1 else "one mistake"
        raise InvalidInput(f"{file} has {count}", mistakes=mistakes, code="application_file")
    return source, read


def _at(value: Value | None, *names: str) -> Value | None:
    for name in names:
        value = value.content.get(name) if value is not None and isinstance(value.content, dict) else None
    return value


def _check_upstreams(source: Value, check: Check) -> None:
    """Each has one place and what belongs to it; aliases are given once; what must agree is declared; poll or schedule."""
    if (chart := _at(source, "spec", "chart")) is not None:
        _check_place(chart, "spec.chart", CHART_PLACES, check)
    for position, other in enumerate(_items(source, "upstreams")):
        _check_place(other, f"spec.upstreams[{position}]", OTHER_PLACES, check)
    images, others = _aliases(source, "images", check), _aliases(source, "upstreams", check)
    for name, (value, path) in others.items():
        if name in images:
            check.wrong(value, path, f"there are two upstreams {name!r}", "give one another name")
    together, schedule = _at(source, "spec", "together"), _at(source, "spec", "schedule")
    if together is not None and isinstance(together.content, str) and _together_problem(together.content) is None:
        try:
            check_together(together.content, list(images), list(others))
        except InvalidAgreement as error:
            check.wrong(together, "spec.together", str(error), _TOGETHER_HINT)
    if schedule is not None and _at(source, "spec", "poll") is not None:
        check.wrong(schedule, "spec.schedule", "there is `poll` too", "leave one of them out")


def _check_place(value: Value, path: str, places: Mapping[str, tuple[str, ...]], check: Check) -> None:
    """Exactly one of ``places`` is given, with all that it needs and nothing of another."""
    if not isinstance(value.content, dict):
        return
    given = [place for place in places if place in value.content]
    if len(given) != 1:
        problem = f"names {len(given)} places: {', '.join(given)}" if given else "names no place"
        check.wrong(value, path, problem, f"write one of {', '.join(places)}")
        return
    belongs = {name: place for place, names in places.items() for name in names}
    for name, place in belongs.items():
        if name in value.content and name not in places[given[0]]:
            check.wrong(value.content[name], f"{path}.{name}", f"does not go with {given[0]}", f"it belongs to {place}")
    for place, name in _NEEDED.get(path.partition("[")[0], ()):
        if place == given[0] and name not in value.content:
            check.wrong(value, f"{path}.{name}", "is missing", f"{place} needs it")
    follow, branch = value.content.get("follow"), value.content.get("branch")
    if branch is not None and "follow" in places[given[0]] and (follow is None or follow.content != "branch"):
        check.wrong(branch, f"{path}.branch", "is not followed", "write follow: branch beside it")


def _aliases(source: Value, group: str, check: Check) -> dict[str, tuple[Value, str]]:
    """Return what each of a group is called, and where that is said."""
    found: dict[str, tuple[Value, str]] = {}
    for position, item in enumerate(_items(source, group)):
        named, path = _at(item, "name"), f"spec.{group}[{position}]"
        alias = _at(item, "alias") if group == "images" else None
        said = alias or named
        if said is None or not isinstance(said.content, str):
            continue
        name = said.content if alias or group != "images" else said.content.rpartition("/")[2]
        place = (said, f"{path}.{'alias' if alias else 'name'}")
        if name in found or name == CHART:
            hint = "give this one an alias: alias: worker" if group == "images" else "give this one another name"
            check.wrong(*place, f"there are two upstreams {name!r}", hint)
        found[name] = place
    return found


def _items(source: Value, group: str) -> list[Value]:
    items = _at(source, "spec", group)
    return items.content if items is not None and isinstance(items.content, list) else []


def _check_channels(channels: Value, check: Check) -> None:
    """Names are given once, ``after`` names another channel, and following it ends."""
    after: dict[str, str | None] = {}
    for position, channel in enumerate(channels.content):
        name, previous = _at(channel, "name"), _at(channel, "after")
        path = f"spec.channels[{position}]"
        if name is None or not isinstance(name.content, str):
            continue
        if name.content in after:
            check.wrong(name, f"{path}.name", f"there are two channels {name.content!r}")
        after[name.content] = previous.content if previous is not None else None
        if previous is None and (soak := _at(channel, "soak")) is not None and soak.content not in {"0s", "0m"}:
            check.wrong(soak, f"{path}.soak", "there is no channel to soak in", "say which: after: edge")
    for position, channel in enumerate(channels.content):
        if (previous := _at(channel, "after")) is not None and (
            problem := _after_problem(_at(channel, "name"), previous, after)
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


def _declaration(checked: dict[str, Any], suite: bytes | None) -> Declaration:
    """Turn what was read into the type; what was left out gets the type's defaults."""
    spec, name = checked["spec"], checked["metadata"]["name"]
    wanted = {
        "name": name,
        "namespace": spec.get("namespace", name),
        "chart": _chart(spec["chart"]),
        "images": tuple(
            ImageUpstream(**{**image, "set": tuple(image.get("set", ()))}) for image in spec.get("images", ())
        ),
        "others": tuple(_other(one) for one in spec.get("upstreams", ())),
        "channels": tuple(_renamed(ChannelRule, channel, soak="soak_seconds") for channel in spec["channels"]),
        "backup": tuple(msgspec.convert(step, BackupStep) for step in spec.get("backup", ())),
        "rehearsal": _renamed(RehearsalRule, spec.get("rehearsal", {}), timeout="timeout_seconds"),
        "suite_digest": suite_digest(suite) if suite is not None and "suite" in spec else None,
    }
    same = {key: spec[key] for key in ("description", "values", "together") if key in spec}
    schedule = spec.get("schedule", {})
    same |= {name: schedule[key] for key, name in (("cron", "cron"), ("timeZone", "zone")) if key in schedule}
    times = {f"{key}_seconds": spec[key] for key in ("poll", "timeout") if key in spec}
    return Declaration(**wanted, **same, **times)


def _chart(read: dict[str, Any]) -> ChartUpstream:
    """``follow: branch`` is told by the branch's name."""
    read = {key: _canonical(key, item) for key, item in read.items()}
    if read.pop("follow", "tags") == "branch":
        read.setdefault("branch", "main")
    return ChartUpstream(**read)


def _other(read: dict[str, Any]) -> OtherUpstream:
    kind: SourceKind = next(kind for kind in get_args(SourceKind) if kind in read)
    source = SourceSpec(
        kind=kind,
        location=_canonical(kind, read[kind]),
        name=read.get("chart", read["name"]) if kind == "helm" else "",
        path=read.get("path", ""),
        branch=read.get("branch", ""),
    )
    return OtherUpstream(name=read["name"], source=source, **{key: read[key] for key in ("version",) if key in read})


def _canonical(key: str, item: Any) -> Any:
    """Return an address so that everybody who names the place writes it the same: equal places are looked at once."""
    if key in {"helm", "git", "path"}:
        return item.rstrip("/")
    if key in _USUAL:
        return item.rstrip("/").removesuffix(".git").removeprefix(f"https://{_USUAL[key] or None}/")
    return item


def _renamed(kind: type[Any], read: dict[str, Any], **names: str) -> Any:
    return kind(**{names.get(key, key): value for key, value in read.items()})
