"""``tidegate keys …``: change the keys that sign the channels. Works on the data directory itself, no control plane is asked."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The keys that sign the channels' files.", no_args_is_help=True)


@app.callback()
def keys() -> None:
    """The keys that sign the channels' files."""


class Which(StrEnum):
    """Which key is replaced."""

    ONLINE = "online"
    ROOT = "root"


@app.command("new")
def new(
    folder: Annotated[Path, typer.Argument(help="where root.pem and online.pem are put; made where it is missing")],
) -> None:
    """Make a pair of keys for a control plane that has not started yet, to be kept apart from its data: in Secrets, or in a safe."""
    from control_plane.domain.errors import Refused
    from control_plane.publishing.keys import ROLES, write_new_key

    files = [folder / f"{role}.pem" for role in ROLES]
    there = next((file for file in files if file.exists()), None)
    if there is not None:
        raise Refused(f"{there} is there already, and no key is ever overwritten: choose another folder")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for file in files:
        write_new_key(file)
    typer.echo(f"{folder} has root.pem, which signs who may sign, and online.pem, which signs every publication")


@app.command("rotate")
def rotate(
    which: Annotated[Which, typer.Argument(help="online: signs every publication; root: signs which keys count")],
) -> None:
    """Replace a key by a new one. Run it where the control plane's data directory is; the root key has to be there.

    Every agent follows by itself. A rotation that was interrupted is ended by running it again. After a theft of the online
    key this also heals: agents drop what the stolen key signed.
    """
    from control_plane.publishing.rotation import rotate_online_key, rotate_root_key
    from control_plane.services.outside import repository_of
    from control_plane.settings import get_settings

    change = rotate_online_key if which is Which.ONLINE else rotate_root_key
    settings = get_settings()
    change(repository_of(settings), datetime.now(UTC))
    typer.echo(f"the {which} key in {settings.keys_dir} is new; the channels' files are signed with it")
