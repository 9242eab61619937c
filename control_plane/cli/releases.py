"""``tidegate release …``: releases and their evidence."""

from typing import Annotated, Any

import typer
from rich.markup import escape

from control_plane.cli.arguments import Application, Reason, Version
from control_plane.cli.output import Format, Output, age, print_text, show, table
from control_plane.domain.errors import InvalidInput

MOST_NOTES = 15  # lines
app = typer.Typer(help="Releases, their rehearsals and their evidence.", no_args_is_help=True)


@app.command("list")
def list_releases(
    application: Annotated[str | None, typer.Argument(help="of this application only")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Releases, newest first, with their fitness and its reason."""
    from control_plane.cli.client import get_client

    show(get_client().get("releases", application=application), output, as_table)


@app.command("show")
def show_release(application: Application, version: Version, output: Output = Format.TABLE) -> None:
    """One release: digests, rehearsals step by step, promotions."""
    from control_plane.cli.client import get_client

    show(get_client().get(f"applications/{application}/releases/{version}"), output, _whole)


@app.command("add")
def add(
    application: Application,
    version: Annotated[str, typer.Argument(help="the chart's tag")],
    image: Annotated[
        list[str] | None, typer.Option("--image", "-i", metavar="ALIAS=TAG", help="another upstream's tag; repeatable")
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Make a release of the very tags that you name: for your CI, a new major, or an older version on purpose.

    Policies and quarantines are not asked about them; upstreams that you do not name are chosen as always. The release is
    rehearsed and promoted like any other.
    """
    from control_plane.cli.client import get_client

    body = {"version": version, "images": _images(image or [])}
    show(
        get_client().post(f"applications/{application}/releases", body),
        output,
        lambda made: (
            f"{application} {made['version']} is made: `tidegate release show {application} {made['version']}`"
        ),
    )


def _images(texts: list[str]) -> dict[str, str]:
    wrong = next((text for text in texts if not all(text.partition("="))), None)
    if wrong is not None:
        raise InvalidInput(f"--image {wrong!r} is not ALIAS=TAG, for example --image web=1.4.2")
    return {alias: tag for alias, _, tag in (text.partition("=") for text in texts)}


@app.command("diff")
def diff(
    application: Application,
    before: Annotated[str, typer.Argument(metavar="A", help="the release that it is now")],
    after: Annotated[str, typer.Argument(metavar="B", help="the release that it would be")],
    objects: Annotated[
        bool, typer.Option("--objects/--no-objects", help="every changed line of what is rendered")
    ] = True,
    output: Output = Format.TABLE,
) -> None:
    """What exactly changes from release A to release B: images, chart, values, rendered objects, release notes.

    Secrets are hidden. Objects that differ by the version in their labels alone are counted, not shown.
    """
    from control_plane.cli.client import get_client

    got = get_client().get(f"applications/{application}/compare", before=before, after=after)
    show(got, output, _changes)
    if output is Format.TABLE:
        _print_objects(got, everything=objects)
        _print_notes(got["notes"])


def _changes(got: dict[str, Any]) -> Any:
    parts = (("image", "images"), ("chart", "chart"), ("value", "values"), ("setting", "rest"))
    return table(
        ("WHAT", "", "BEFORE", "AFTER"),
        (
            (kind, one["what"], one["before"] or "–", one["after"] or "–")
            for kind, part in parts
            for one in got["changes"][part]
        ),
        empty="The same images, chart, values and settings.",
    )


def _print_objects(got: dict[str, Any], *, everything: bool) -> None:
    if got["unknown"]:
        print_text(f"\n[dim]Objects: {escape(got['unknown'])}.[/]")
        return
    shown = [one for one in got["objects"] if not one["marks_only"]]
    by_marks = len(got["objects"]) - len(shown)
    print_text(f"\n{len(shown)} objects differ, {by_marks} more by their version alone, {got['same']} are the same.")
    for one in shown:
        place = f" in {one['namespace']}" if one["namespace"] else ""
        print_text(
            f"\n[bold]{escape(one['kind'])} {escape(one['name'])}[/]{escape(place)}: {one['change']} +{one['plus']} -{one['minus']}"
        )
        for line in one["lines"] if everything else ():
            print_text(_line(line))


def _line(line: dict[str, Any]) -> str:
    text = escape(line["text"])
    if line["kind"] == "folded":
        return f"[dim]  … {text} lines the same[/]"
    marks = {"plus": ("green", "+"), "minus": ("red", "-"), "same": ("", " ")}
    colour, sign = marks[line["kind"]]
    return f"[{colour}]{sign} {text}[/]" if colour else f"{sign} {text}"


def _print_notes(notes: list[dict[str, Any]]) -> None:
    for one in notes:
        said = one["notes"]
        print_text(f"\n[bold]{escape(one['alias'])} {escape(one['tag'])}[/] {escape(said.get('title', ''))}")
        print_text(escape(said.get("body", "")))


@app.command("reject")
def reject(application: Application, version: Version, reason: Reason) -> None:
    """Say no to a release: what waits of it is cancelled, and it enters no channel."""
    _take_out("reject", application, version, reason)


@app.command("withdraw")
def withdraw(application: Application, version: Version, reason: Reason) -> None:
    """Take a verified release back: it enters no further channel. Channels that have it keep it until a recall."""
    _take_out("withdraw", application, version, reason)


def _take_out(move: str, application: str, version: str, reason: str) -> None:
    from control_plane.cli.client import get_client

    got = get_client().post(f"applications/{application}/releases/{version}/{move}", {"reason": reason})
    typer.echo(
        f"{application} {version} is {got['state']}; a channel that has it gives it back by `tidegate channel recall`"
    )


@app.command("requeue")
def requeue(application: Application, version: Version, reason: Reason = "asked for by a person") -> None:
    """Rehearse a failed or errored release again."""
    from control_plane.cli.client import get_client

    get_client().post(f"applications/{application}/releases/{version}/requeue", {"reason": reason})
    typer.echo(f"{application} {version} is queued for another rehearsal")


def as_table(rows: list[dict[str, Any]]) -> Any:
    """Return the rows for people."""
    return table(
        ("APPLICATION", "VERSION", "STATE", "SINCE", "REASON"),
        (
            (row["application"], row["version"], row["state"], age(row["state_since"]), row["state_reason"])
            for row in rows
        ),
        empty="No releases yet: Tidegate looks at every upstream in turn, see `tidegate app show NAME`.",
    )


def _whole(row: dict[str, Any]) -> Any:
    from rich.console import Group

    from control_plane.cli.promotions import as_table

    said = [_said(alias, notes) for alias, notes in row["notes"].items()]
    parts = [_head(row), *said, *(_run(run) for run in row["runs"]), as_table(row["promotions"])]
    return Group(*[line for part in parts for line in (part, "")][:-1])


def _head(row: dict[str, Any]) -> str:
    why = f": {row['state_reason']}" if row["state_reason"] else ""
    manifest = row["manifest"] or {}
    pinned = [manifest["artifact"]] if manifest.get("artifact") else []
    lines = [f"{one['ref']} {one['digest']}" for one in pinned]
    lines += [f"{name} {digest}" for name, digest in manifest.get("images", {}).items()]
    lines += [row["chart_lost"]] if row["chart_lost"] else []
    return "\n".join(
        [f"{row['application']} {row['version']} is {row['state']}{why}", *(f"  {line}" for line in lines)]
    )


def _said(alias: str, notes: dict[str, Any]) -> str:
    """Return the beginning of what a publisher says; the whole is on the release's page."""
    title = " ".join(part for part in (notes.get("title"), notes.get("url")) if part)
    lines = (notes.get("body") or "").splitlines()
    more = ["…"] if len(lines) > MOST_NOTES else []
    return escape("\n".join([f"{alias}: {title}", *(f"  {line}" for line in [*lines[:MOST_NOTES], *more])]))


def _run(run: dict[str, Any]) -> Any:
    return table(
        (f"RUN {run['id']}", run["verdict"] or "running", run["reason"]),
        ((step["title"], step["state"], step["message"]) for step in run["steps"]),
        empty=f"Run {run['id']} has no step yet.",
    )
