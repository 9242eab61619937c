"""Programs that run: ``up`` (all in one process), and ``web``, ``worker``, ``beat`` apart; ``migrate`` before them."""

from typing import Annotated

import typer

Port = Annotated[int | None, typer.Option("--port", "-p", help="port of the web server [default: 8080]")]
Host = Annotated[
    str | None, typer.Option("--host", help="address to listen on [default: 127.0.0.1, this machine only]")
]
AlsoListen = Annotated[
    list[str] | None, typer.Option("--also-listen", help="a further address for agents, e.g. of a local cluster's link")
]


def register(app: typer.Typer, panel: str) -> None:
    """Add the commands to ``app``, in a panel of its help."""
    app.command("up", rich_help_panel=panel)(up)
    app.command("web", rich_help_panel=panel)(web)
    app.command("worker", rich_help_panel=panel)(worker)
    app.command("beat", rich_help_panel=panel)(beat)
    app.command("migrate", rich_help_panel=panel)(migrate)


def _override(**given: object) -> None:
    """Let command line options win over the environment, before settings are read."""
    import os

    import msgspec

    for name, value in given.items():
        if value is not None and value != []:
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            os.environ[f"TIDEGATE_{name.upper()}"] = text


def up(port: Port = None, host: Host = None, also_listen: AlsoListen = None) -> None:
    """Run the whole control plane in this process: web, worker, schedule, SQLite."""
    _override(port=port, host=host, also_listen=also_listen)
    from control_plane.cli.processes import run_embedded

    run_embedded()


def web(port: Port = None, host: Host = None, also_listen: AlsoListen = None) -> None:
    """Run the web server alone; workers and the schedule run elsewhere."""
    _override(port=port, host=host, also_listen=also_listen)
    from control_plane.cli.processes import run_web

    run_web()


def worker(
    queues: Annotated[
        str, typer.Option("--queues", "-Q", help="queues to work on: default, rehearsals")
    ] = "tidegate,rehearsals",
    concurrency: Annotated[int, typer.Option("--concurrency", "-c", help="tasks at the same time")] = 2,
) -> None:
    """Run a worker: it looks at upstreams, rehearses and publishes."""
    from control_plane.cli.processes import run_worker

    run_worker(queues=queues, concurrency=concurrency)


def beat() -> None:
    """Run the schedule: it sends what is due to the workers. One is enough."""
    from control_plane.cli.processes import run_beat

    run_beat()


def migrate() -> None:
    """Bring the database to this version's tables. Safe to repeat."""
    from control_plane.cli.processes import run_migrate

    run_migrate()
