"""``tidegate keys …``: change the keys that sign the channels. Works on the data directory itself, no control plane is asked."""

from datetime import UTC, datetime
from enum import StrEnum
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
