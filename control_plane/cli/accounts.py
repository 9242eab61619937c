"""``tidegate account …``: who we are for registries, repositories and forges that are not public.

A secret is read from a file, from standard input or at a prompt, never from an argument: arguments are seen by everybody on the machine.
"""

import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from control_plane.cli.output import Format, Output, age, local_time, print_text, show, table
from control_plane.domain.errors import InvalidInput, Refused

app = typer.Typer(
    help="Who we are for places that are not public: registries, repositories, forges.", no_args_is_help=True
)
Application = Annotated[str, typer.Option("--app", "-a", help="for this application alone; without: for all")]
PlaceKind = Annotated[
    str, typer.Option("--kind", "-k", help="what is there: oci, helm, git, github, gitlab, gitea, json; a URL needs it")
]


class Kind(StrEnum):
    """What an account has."""

    PASSWORD = "password"  # noqa: S105  a word
    TOKEN = "token"  # noqa: S105  a word
    IDENTITY = "identity"
    SSH_KEY = "ssh-key"


@app.command("add")
def add(
    place: Annotated[
        str, typer.Argument(help="a host or what is below a path: ghcr.io/acme, git.example.org:2222/team")
    ],
    user: Annotated[str, typer.Option("--user", "-u", help="its name; makes it a password")] = "",
    kind: Annotated[Kind | None, typer.Option("--kind", "-k", help="default: password with --user, else token")] = None,
    application: Application = "",
    secret_file: Annotated[
        Path | None,
        typer.Option("--secret-file", "-f", help="file with the secret; without: standard input or a prompt"),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="take the place of the one that is there")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Store an account for PLACE. Its secret is sealed, and never shown again."""
    from control_plane.cli.client import get_client

    chosen = kind or (Kind.PASSWORD if user else Kind.TOKEN)
    body = {
        "place": place,
        "kind": chosen,
        "username": user,
        "application": application,
        "secret": _secret(secret_file, chosen),
        "replace": replace,
    }
    show(get_client().post("accounts", body), output, _added)


@app.command("list")
def list_accounts(output: Output = Format.TABLE) -> None:
    """Every account, wherever it comes from, and when it was last let in or refused. Never a secret."""
    from control_plane.cli.client import get_client

    seen = get_client().get("accounts")
    show(seen, output, _list)
    if output is Format.TABLE:
        for trouble in seen["trouble"]:
            print_text(f"[bold yellow]not read:[/] {trouble}")


@app.command("remove")
def remove(
    number: Annotated[int, typer.Argument(help="its number in `tidegate account list`")],
    reason: Annotated[str, typer.Option("--reason", "-m", help="kept in the audit log")] = "",
) -> None:
    """Forget a stored account and its secret."""
    from control_plane.cli.client import get_client

    removed = get_client().delete(f"accounts/{number}?reason={quote(reason)}")
    typer.echo(f"account {number} for {removed['place']} is removed{_reassigned(removed)}")


@app.command("explain")
def explain(
    place: Annotated[str, typer.Argument(help="a repository (ghcr.io/acme/web), a URL, git@host:path")],
    application: Application = "",
    kind: PlaceKind = "",
    output: Output = Format.TABLE,
) -> None:
    """Which account reads PLACE for an application, and why no other does."""
    from control_plane.cli.client import get_client

    found = get_client().get("accounts/explain", place=place, application=application, kind=kind)
    show(found, output, _explanation)
    if output is Format.TABLE:
        print_text(f"[dim]{_apart(found)}[/]")


@app.command("test")
def try_place(
    place: Annotated[str, typer.Argument(help="a repository (ghcr.io/acme/web), a URL, git@host:path")],
    application: Application = "",
    kind: PlaceKind = "",
    chart: Annotated[str, typer.Option("--chart", help="with --kind helm: the chart to look for")] = "",
    output: Output = Format.TABLE,
) -> None:
    """Look at PLACE as an application would: does it let us in? Ends with 1 where it does not."""
    from control_plane.cli.client import get_client

    body = {"place": place, "application": application, "kind": kind, "chart": chart}
    tested = get_client().post("accounts/test", body)
    show(tested, output, _tested)
    if tested["outcome"] != "let in":
        raise typer.Exit(1)


@app.command("trust-host")
def trust_host(
    host: Annotated[str, typer.Argument(help="an SSH server: git.example.org, git.example.org:2222")],
    fingerprint: Annotated[
        str | None, typer.Option("--fingerprint", help="SHA256:… that it has to show; without: you are asked")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="its key was changed on purpose: forget the old one")
    ] = False,
) -> None:
    """Accept the key of an SSH server, after comparing its fingerprint with what its administrator says."""
    from control_plane.cli.client import get_client

    shown = get_client().post("host-keys/scan", {"host": host})
    chosen = [key for key in shown if fingerprint in {None, key["fingerprint"]}]
    if not chosen:
        told = ", ".join(key["fingerprint"] for key in shown)
        raise Refused(f"{host} shows {told}, not {fingerprint}: somebody may be in between", code="host_key")
    if fingerprint is None:
        for key in shown:
            typer.echo(f"{key['kind']:20} {key['fingerprint']}")
        typer.confirm(f"Are these the keys of {host}, as its administrator says?", abort=True)
    body = {"host": host, "lines": [key["line"] for key in chosen], "replace": replace}
    get_client().post("host-keys", body)
    typer.echo(f"{host} is believed when it shows {' or '.join(key['fingerprint'] for key in chosen)}")


@app.command("forget-host")
def forget_host(
    host: Annotated[str, typer.Argument(help="an SSH server")],
    reason: Annotated[str, typer.Option("--reason", "-m", help="kept in the audit log")] = "",
) -> None:
    """Believe an SSH server no more, until its key is accepted again."""
    from control_plane.cli.client import get_client

    get_client().delete(f"host-keys/{quote(host, safe='')}?reason={quote(reason)}")
    typer.echo(f"{host} is believed no more")


@app.command("hosts")
def hosts(output: Output = Format.TABLE) -> None:
    """The SSH servers' keys that people accepted."""
    from control_plane.cli.client import get_client

    show(get_client().get("host-keys"), output, _hosts)


@app.command("rotate-key")
def rotate_key() -> None:
    """Seal every stored secret with a new key. Works on the key file and the database themselves, no control plane is asked.

    Run it where both are. The old key is removed from the file when nothing needs it any more; a rotation that was interrupted
    is ended by running it again. Where the file cannot be written, put a new first line into it by hand before.
    """
    from control_plane.services.accounts import accounts_reseal
    from control_plane.settings import get_settings
    from control_plane.store.session import session_scope
    from control_plane.upstreams.sealed import keys_renewed

    file = get_settings().sealing_key_file
    with keys_renewed(file) as keys, session_scope() as session:
        count = accounts_reseal(session, keys=keys, actor="user:rotate-key", now=datetime.now(UTC))
    typer.echo(f"{count} account{'' if count == 1 else 's'} sealed with the key {keys.newest} of {file}")


def _secret(file: Path | None, kind: Kind) -> str:
    if file is not None:
        return file.read_text(encoding="utf-8")
    if not sys.stdin.isatty():
        return sys.stdin.read()
    if kind is Kind.SSH_KEY:
        raise InvalidInput("name the private key's file: --secret-file ~/.ssh/deploy-key", code="secret")
    secret: str = typer.prompt("Secret (not shown)", hide_input=True, err=True)
    return secret


def _added(made: dict[str, Any]) -> str:
    for_whom = f"for the application {made['application']}" if made["application"] else "for all applications"
    return f"account {made['id']} for {made['place']}, {for_whom}, is stored{_reassigned(made)}"


def _reassigned(answer: dict[str, Any]) -> str:
    names = answer["reassigned"]
    return f"; looked at anew: {', '.join(names)}" if names else ""


def _list(seen: dict[str, Any]) -> Any:
    return table(
        ("NUMBER", "PLACE", "APPLICATION", "KIND", "USER", "FROM", "LAST LET IN", "LAST REFUSED"),
        (
            (
                row["id"] or "–",
                f"{row['host']}/{row['path']}" if row["path"] else row["host"],
                row["application"] or "all",
                row["kind"] or "as it says",
                row["username"],
                row["origin"],
                f"{age(row['used_at'])} ago" if row["used_at"] else "–",
                f"{age(row['refused_at'])} ago: {row['refusal']}" if row["refused_at"] else "–",
            )
            for row in seen["accounts"]
        ),
        empty="No accounts: every place is read as anybody. Add one: tidegate account add ghcr.io/acme --user ci-bot",
    )


def _explanation(found: dict[str, Any]) -> Any:
    return table(
        ("PLACE", "APPLICATION", "KIND", "USER", "FROM", "VERDICT"),
        (
            (row["place"], row["application"] or "all", row["kind"], row["username"], row["origin"], row["verdict"])
            for row in found["accounts"]
        ),
        empty=f"{found['place']} is read as anybody: no account is for its host.",
    )


def _apart(found: dict[str, Any]) -> str:
    if found["mirror"]:
        return f"It is read at the mirror {found['mirror']}, which is shown no account."
    if found["apart"]:
        return f"It is looked at for {found['application']} alone: what its account sees is not shown to others."
    return "It is looked at once for all applications that name it."


def _tested(tested: dict[str, Any]) -> str:
    used = tested["account"]
    whom = f"as {used['username'] or used['kind']} ({used['origin']}, {used['place']})" if used else "as anybody"
    return f"{tested['place']}: {tested['outcome']} {whom}: {tested['detail']}"


def _hosts(rows: list[dict[str, Any]]) -> Any:
    return table(
        ("HOST", "KIND", "FINGERPRINT", "ACCEPTED", "BY"),
        ((r["host"], r["kind"], r["fingerprint"], local_time(r["accepted_at"]), r["accepted_by"]) for r in rows),
        empty="None yet: `tidegate account trust-host git.example.org` shows and accepts a server's key.",
    )
