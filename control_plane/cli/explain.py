"""``tidegate explain``: why this version and no other; or, offline, what a policy would choose of a list of tags."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from control_plane.cli.output import Format, Output, age, local_time, print_text, show, table
from control_plane.domain.errors import InvalidInput

SHOWN = 30


def register(app: typer.Typer, panel: str) -> None:
    """Add the command to ``app``, in a panel of its help."""
    app.command("explain", rich_help_panel=panel)(explain)


def explain(
    application: Annotated[str | None, typer.Argument(metavar="APP", help="an application")] = None,
    upstream: Annotated[str | None, typer.Option("--upstream", "-u", metavar="ALIAS", help="this one only")] = None,
    everything: Annotated[bool, typer.Option("--all", "-a", help=f"every tag, not the first {SHOWN}")] = False,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="a policy's file (a range, YAML, JSON): try it")
    ] = None,
    tags: Annotated[
        str | None, typer.Option("--tags", help="with --policy: file of tags, one per line; - reads them")
    ] = None,
    current: Annotated[str, typer.Option("--current", help="with --policy: the tag that is followed now")] = "",
    output: Output = Format.TABLE,
) -> None:
    """Why an application takes the version it takes: every tag seen, chosen or not, each with its one reason.

    With --policy and --tags nothing is asked of a control plane: what would this policy choose of these tags?

    [dim]tidegate explain miniflux --upstream chart[/]
    [dim]tidegate explain --policy policy.yaml --tags tags.txt[/]
    """
    if (application is None) == (policy is None) or (policy is None) != (tags is None):
        raise InvalidInput("name an application (tidegate explain APP), or both --policy FILE and --tags FILE")
    if policy is not None and tags is not None:
        _try(policy, tags, current, everything=everything, output=output)
        return
    from control_plane.cli.client import get_client

    found = get_client().get(f"applications/{application}/explain", upstream=upstream)
    if output is Format.JSON:
        show(found, output, str)
        return
    for one in found["upstreams"]:
        _show_upstream(one, everything=everything)
    if not found["upstreams"]:
        print_text(
            f"{application} has no upstream: it was removed. `tidegate app apply -f` with its file tracks it again."
        )
    elif found["choice"]:
        print_text(f"[bold]{application}[/]: {escape(found['choice'])}")


def _try(policy: Path, tags: str, current: str, *, everything: bool, output: Format) -> None:
    import msgspec

    from control_plane.domain.versions.words import policy_words
    from control_plane.services.explaining import policy_try
    from control_plane.upstreams.policy_text import parse_policy

    wanted = parse_policy(policy.read_text(encoding="utf-8"), file=str(policy))
    text = sys.stdin.read() if tags == "-" else Path(tags).read_text(encoding="utf-8")
    found = policy_try(wanted, text.split(), datetime.now(UTC), current=current)
    answer = {"policy": policy_words(wanted), "tags": msgspec.to_builtins(found)}
    show(answer, output, lambda got: _rows(got["tags"] if everything else got["tags"][:SHOWN]))
    if output is Format.TABLE:
        _more(answer["tags"], everything=everything)


def _show_upstream(one: dict[str, Any], *, everything: bool) -> None:
    print_text(f"[bold]{one['alias']}[/]  {one['kind']} {escape(one['place'])}")
    print_text(escape(f"wants {one['policy']}; {_state(one)}"))
    if one["problem"]:
        print_text(escape(f"its policy cannot be read: {one['problem']}"))
    show(one["tags"] if everything else one["tags"][:SHOWN], Format.TABLE, _rows)
    _more(one["tags"], everything=everything)
    print_text("")


def _state(one: dict[str, Any]) -> str:
    if one["unknown_since"]:
        return f"unknown since {local_time(one['unknown_since'])}: {one['last_error']}"
    return f"looked at {age(one['last_look_at'])} ago" if one["last_look_at"] else "not looked at yet"


def _rows(rows: list[dict[str, Any]]) -> Any:
    return table(
        ("TAG", "VERSION", "VERDICT", "FIRST SEEN", "REASON"),
        ((row["tag"], row["version"], _verdict(row), local_time(row["first_seen_at"]), _reason(row)) for row in rows),
        empty="No tag has been seen yet.",
    )


def _verdict(row: dict[str, Any]) -> str:
    if row["chosen"]:
        return "chosen"
    return "matches" if row["wanted"] else "waits" if row["waits_until"] else "no"


def _reason(row: dict[str, Any]) -> str:
    moved = f" (names another digest since {local_time(row['moved_at'])})" if row["moved_at"] else ""
    return f"{row['reason']}{moved}"


def _more(rows: list[dict[str, Any]], *, everything: bool) -> None:
    if not everything and len(rows) > SHOWN:
        print_text(f"[dim]and {len(rows) - SHOWN} more: --all shows them[/]")
