"""``tidegate password``: a way in again. Works on the database itself, so only who may read the control plane's data can do it."""

from typing import Annotated

import typer


def register(app: typer.Typer, panel: str) -> None:
    """Add the command to ``app``, in a panel of its help."""
    app.command("password", rich_help_panel=panel)(password)


def password(name: Annotated[str, typer.Argument(help="the person")] = "admin") -> None:
    """Give a person a new first password and print it: for when the one printed at first start is lost.

    Run it where the control plane's data directory is, or with its TIDEGATE_DATABASE_URL.
    """
    from control_plane.web.accounts.boot import set_up_django

    set_up_django()
    from control_plane.web.accounts.people import password_reset, person_named

    new = password_reset(person_named(name))
    typer.echo(f"{name} signs in with {new} from now on, and can change it under Settings")
