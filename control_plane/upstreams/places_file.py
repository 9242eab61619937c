"""Where versions appear, as people write it in the application file: chart, images and further upstreams, and what must agree.

Records say which fields there are; ``check_upstreams`` says what a record cannot: one place each, aliases given once.
"""

import re
from collections.abc import Mapping
from typing import Any, get_args
from urllib.parse import parse_qsl, urlsplit

from control_plane.domain.applications import CHART, SAME_AS_CHART, ChartUpstream, ImageUpstream, OtherUpstream
from control_plane.domain.rendered import is_secret
from control_plane.domain.sources import Kind as SourceKind
from control_plane.domain.sources import SourceSpec
from control_plane.domain.versions import InvalidRange, InvalidReference, parse_range, references
from control_plane.domain.versions.combining import (
    SAME_VERSION,
    InvalidAgreement,
    check_together,
    compile_expression,
)
from control_plane.upstreams.fields import Check, Field, ListOf, Record, Text
from control_plane.upstreams.policy_file import TextOrPolicy
from control_plane.upstreams.yaml_source import Value

_USUAL = {"github": "github.com", "gitlab": "gitlab.com", "gitea": ""}  # servers that need not be named
_TOGETHER_HINT = "for example 'same version' or 'images.web.tag == images.worker.tag'"


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
    if named := next((name for name, _ in parse_qsl(url.query, keep_blank_values=True) if is_secret(name)), ""):
        return (
            f"has a secret in its parameter {named[:40]!r}",
            "leave it out: `tidegate account add` takes a token for the place",
        )
    if url.scheme not in schemes or not host or url.fragment or not text.isprintable() or " " in text:
        return f"{text[:80]!r} is no URL that can be asked", example
    return None


def _forge(example: str) -> Text:
    """A repository of a forge: ``owner/name``, or its URL."""

    def refuse(text: str) -> tuple[str, str] | None:
        if "://" in text:
            problem = _web_problem(text)
            path = "" if problem else urlsplit(text).path.strip("/")
        else:
            problem, path = None, text
        if problem is None and not re.fullmatch(r"[\w.-]+(/[\w.-]+)+", path):
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
CHART_FIELDS = Record(
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
IMAGE_FIELDS = Record(
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
OTHER_FIELDS = Record(
    {
        "name": Field(_ALIAS, "Its name in `together` and in a release's version.", required=True),
        "oci": Field(_OCI, "An OCI repository."),
        "helm": Field(_WEB, "Or: URL of a Helm repository."),
        "chart": Field(_HELM_NAME, "With `helm`: the chart's name there.", default="`name`"),
        "git": Field(_GIT, "Or: URL of a git repository."),
        "branch": Field(_BRANCH, "With `git`: follow this branch's commits.", default="tags are followed"),
        "github": Field(_forge("acme/web"), "Or: releases of a GitHub repository, `owner/name`."),
        "gitlab": Field(_forge("acme/web"), "Or: releases of a GitLab project, `group/name`."),
        "gitea": Field(
            _forge("https://codeberg.org/acme/web"), "Or: releases of a Gitea or Forgejo repository, its URL."
        ),
        "server": Field(_WEB, "With one of these three: the server's URL, where it lives below a path."),
        "json": Field(_WEB, "Or: URL of a JSON document."),
        "path": Field(
            Text(refuse=_jmespath_problem, examples=("releases[].version",)), "With `json`: JMESPath of the versions."
        ),
        "version": Field(
            _TAG, "`same-as-chart`, a Helm range over the tags, or a policy.", default=f"`{SAME_AS_CHART}`"
        ),
    }
)
TOGETHER = Text(refuse=_together_problem, examples=(SAME_VERSION, "images.web.tag == images.worker.tag"))
# What may stand beside each place, and what has to.
CHART_PLACES = {"oci": (), "helm": ("name",), "git": ("path", "follow", "branch")}
OTHER_PLACES: dict[str, tuple[str, ...]] = {
    "oci": (),
    "helm": ("chart",),
    "git": ("branch",),
    "github": ("server",),
    "gitlab": ("server",),
    "gitea": ("server",),
    "json": ("path",),
}
_NEEDED = {"spec.chart": (("helm", "name"),), "spec.upstreams": (("json", "path"),)}


def check_upstreams(source: Value, check: Check) -> None:
    """Each has one place and what belongs to it; aliases are given once; what must agree is declared; poll or schedule."""
    if (chart := at(source, "spec", "chart")) is not None:
        _check_place(chart, "spec.chart", CHART_PLACES, check)
    for position, other in enumerate(_items(source, "upstreams")):
        _check_place(other, f"spec.upstreams[{position}]", OTHER_PLACES, check)
    images, others = _aliases(source, "images", check), _aliases(source, "upstreams", check)
    for name, (value, path) in others.items():
        if name in images:
            check.wrong(value, path, f"there are two upstreams {name!r}", "give one another name")
    together, schedule = at(source, "spec", "together"), at(source, "spec", "schedule")
    if together is not None and isinstance(together.content, str) and _together_problem(together.content) is None:
        try:
            check_together(together.content, list(images), list(others))
        except InvalidAgreement as error:
            check.wrong(together, "spec.together", str(error), _TOGETHER_HINT)
    if schedule is not None and at(source, "spec", "poll") is not None:
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
    for name in sorted(set().union(*places.values()) & value.content.keys() - set(places[given[0]])):
        owners = " or ".join(place for place, names in places.items() if name in names)
        check.wrong(value.content[name], f"{path}.{name}", f"does not go with {given[0]}", f"it belongs to {owners}")
    for place, name in _NEEDED.get(path.partition("[")[0], ()):
        if place == given[0] and name not in value.content:
            check.wrong(value, f"{path}.{name}", "is missing", f"{place} needs it")
    _check_server(value, path, given[0], check)
    follow, branch = value.content.get("follow"), value.content.get("branch")
    if branch is not None and "follow" in places[given[0]] and (follow is None or follow.content != "branch"):
        check.wrong(branch, f"{path}.branch", "is not followed", "write follow: branch beside it")


def _check_server(value: Value, path: str, forge: str, check: Check) -> None:
    """A project's URL is below its server's; without either, only a forge that has a usual server will do."""
    server, project = value.content.get("server"), value.content[forge].content
    if forge not in _USUAL or not isinstance(project, str):
        return
    if server is None and not _USUAL[forge] and "://" not in project:
        check.wrong(
            value.content[forge], f"{path}.{forge}", "names no server", f"for example 'https://codeberg.org/{project}'"
        )
    elif server is not None and "://" in project and not project.startswith(f"{str(server.content).rstrip('/')}/"):
        check.wrong(
            server, f"{path}.server", f"is not where {project!r} is", "the project's URL begins with its server's"
        )


def _aliases(source: Value, group: str, check: Check) -> dict[str, tuple[Value, str]]:
    """Return what each of a group is called, and where that is said."""
    found: dict[str, tuple[Value, str]] = {}
    for position, item in enumerate(_items(source, group)):
        named, path = at(item, "name"), f"spec.{group}[{position}]"
        alias = at(item, "alias") if group == "images" else None
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
    items = at(source, "spec", group)
    return items.content if items is not None and isinstance(items.content, list) else []


def at(value: Value | None, *names: str) -> Value | None:
    """Return what lies at a path of mappings, None where there is nothing."""
    for name in names:
        value = value.content.get(name) if value is not None and isinstance(value.content, dict) else None
    return value


def chart_of(read: dict[str, Any]) -> ChartUpstream:
    """Return the chart that a record says; ``follow: branch`` is told by the branch's name."""
    read = {key: _canonical(key, item) for key, item in read.items()}
    if read.pop("follow", "tags") == "branch":
        read.setdefault("branch", "main")
    return ChartUpstream(**read)


def image_of(read: dict[str, Any]) -> ImageUpstream:
    """Return the image that a record says."""
    return ImageUpstream(**{**read, "set": tuple(read.get("set", ()))})


def other_of(read: dict[str, Any]) -> OtherUpstream:
    """Return the further upstream that a record says."""
    kind: SourceKind = next(kind for kind in get_args(SourceKind) if kind in read)
    server, place = read.get("server", "").rstrip("/"), read[kind]
    source = SourceSpec(
        kind=kind,
        location=_canonical(kind, place if not server or "://" in place else f"{server}/{place}"),
        name=read.get("chart", read["name"]) if kind == "helm" else "",
        path=urlsplit(server).path.strip("/") if server else read.get("path", ""),
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
