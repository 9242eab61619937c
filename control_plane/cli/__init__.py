"""``tidegate …``: the control plane's programs, and a client of its API. Heavy imports happen inside the command that needs them."""

import sys
from typing import Annotated

import typer

from control_plane.cli import (
    accounts,
    approvals,
    apps,
    audit,
    channels,
    cluster,
    explain,
    keys,
    local,
    people,
    promotions,
    quarantines,
    releases,
    rollouts,
    servers,
    sources,
    status,
)

DECIDE, RUN, CARE = "See and decide", "Run the control plane", "This machine"
EPILOG = """
[bold]Begin[/bold]: `tidegate doctor`, then `tidegate up`, then `tidegate app apply -f application.yaml` in another terminal.

[bold]Which control plane[/bold]: the one of this machine is found by itself. Another one: TIDEGATE_URL=https://…, and
TIDEGATE_TOKEN_FILE=FILE with a token made in its dashboard under Settings.

[bold]For programs[/bold]: every read has `-o json`. Exit codes: 0 done, 1 refused, 2 wrong input, 3 not found,
4 could not find out (try again), 5 untrusted.
"""
app = typer.Typer(
    name="tidegate",
    help="Move upstream releases of Kubernetes apps to many clusters, safely.",
    epilog=EPILOG.strip().replace("\n\n", "\0").replace("\n", " ").replace("\0", "\n\n"),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)
status.register(app, DECIDE)
approvals.register(app, DECIDE)
explain.register(app, DECIDE)
for name, group in {
    "app": apps,
    "source": sources,
    "account": accounts,
    "quarantine": quarantines,
    "release": releases,
    "promotion": promotions,
    "channel": channels,
    "cluster": cluster,
    "rollout": rollouts,
    "audit": audit,
}.items():
    app.add_typer(group.app, name=name, rich_help_panel=DECIDE)
servers.register(app, RUN)
local.register(app, CARE)
people.register(app, CARE)
app.add_typer(keys.app, name="keys", rich_help_panel=CARE)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"tidegate {version('tidegate')}")
        raise typer.Exit


@app.callback()
def tidegate(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print the version and exit")
    ] = False,
) -> None:
    """Move upstream releases of Kubernetes apps to many clusters, safely."""


def main() -> None:
    """Run the program; an error of ours, or of the file system, ends it with a message and the exit code of its class."""
    from control_plane.cli.output import exit_code, file_trouble, print_error
    from control_plane.domain.errors import TidegateError

    try:
        app()
    except TidegateError as error:
        print_error(error)
        sys.exit(exit_code(error))
    except OSError as error:
        print_error(file_trouble(error))
        sys.exit(1)
