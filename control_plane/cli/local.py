"""What concerns this machine: ``doctor`` says what it can do, ``demo`` tells the whole story on it.

Both are the harness's programs: they run in processes of their own, so that nothing of Kubernetes is loaded here.
"""

import subprocess
import sys
from typing import Annotated

import typer

from control_plane.cli.output import Format, Output


def register(app: typer.Typer, panel: str) -> None:
    """Add the commands to ``app``, in a panel of its help."""
    app.command("doctor", rich_help_panel=panel)(doctor)
    app.command("demo", rich_help_panel=panel)(demo)


def _harness(module: str, *arguments: str) -> None:
    raise typer.Exit(
        subprocess.run([sys.executable, "-m", f"test_harness.{module}", *arguments], check=False).returncode
    )


def doctor(output: Output = Format.TABLE) -> None:
    """Say what this machine can do, what is missing and the command that mends it."""
    _harness("doctor", "--output", output.value)


def demo(
    action: Annotated[str, typer.Argument(help="'up' tells the story; 'down' removes every trace of it")] = "up",
    leave: Annotated[bool, typer.Option("--exit", help="end after the story instead of staying up")] = False,
    port: Annotated[int, typer.Option("--port", "-p", help="port of the dashboard")] = 8080,
) -> None:
    """Tell the whole story on this machine: two real clusters, a real application, good and bad releases."""
    _harness("demo", action, "--port", str(port), *(["--exit"] if leave else []))
