"""``tidegate …``: the control plane's programs, and a client of its API. Heavy imports happen inside the command that needs them."""

import sys

import typer

from control_plane.cli import (
    approvals,
    apps,
    audit,
    channels,
    cluster,
    explain,
    keys,
    local,
    quarantines,
    releases,
    rollouts,
    servers,
    sources,
    status,
)

app = typer.Typer(
    name="tidegate",
    help="Move upstream releases of Kubernetes apps to many clusters, safely.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)
servers.register(app)
local.register(app)
status.register(app)
approvals.register(app)
explain.register(app)
app.add_typer(audit.app, name="audit")
app.add_typer(apps.app, name="app")
app.add_typer(sources.app, name="source")
app.add_typer(quarantines.app, name="quarantine")
app.add_typer(releases.app, name="release")
app.add_typer(channels.app, name="channel")
app.add_typer(cluster.app, name="cluster")
app.add_typer(rollouts.app, name="rollout")
app.add_typer(keys.app, name="keys")


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
