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
    """Say what this machine can do, what is missing and the command that mends it.

    It looks at what the settings name: where releases are rehearsed (kind, or a cluster of yours), the data folder, the port.
    """
    from control_plane.settings import get_settings

    settings = get_settings()
    named = {
        "provider": settings.rehearsal_provider,
        "kubeconfig": settings.rehearsal_kubeconfig,
        "context": settings.rehearsal_context,
        # Processes apart may each have a part of the data only; who rehearses writes evidence.
        "data-dir": settings.data_dir if settings.is_embedded else settings.evidence_dir,
        "host": settings.host,
        "port": settings.port,
    }
    options = [f"--{name}={value}" for name, value in named.items() if value is not None]
    _harness("doctor", "--output", output.value, *options)


def demo(
    action: Annotated[str, typer.Argument(help="'up' tells the story; 'down' removes every trace of it")] = "up",
    leave: Annotated[bool, typer.Option("--exit", help="end after the story instead of staying up")] = False,
    port: Annotated[int, typer.Option("--port", "-p", help="port of the dashboard")] = 8080,
) -> None:
    """Tell the whole story on this machine: two real clusters, a real application, good and bad releases."""
    _harness("demo", action, "--port", str(port), *(["--exit"] if leave else []))
