"""Addresses of git repositories, taken apart. PURE."""

from urllib.parse import urlsplit

import msgspec

from control_plane.domain.errors import InvalidInput
from control_plane.upstreams.registry_protocol import without_secrets


class Place(msgspec.Struct, frozen=True):
    """A repository's address, taken apart. ``host`` is empty for one on the web."""

    url: str
    host: str = ""
    user: str | None = None
    port: int | None = None
    path: str = ""

    @property
    def server(self) -> str:
        """The SSH server, with its port where that is unusual."""
        return self.host if self.port in {None, 22} else f"{self.host}:{self.port}"

    @property
    def name(self) -> str:
        """The repository's path, as accounts name it."""
        return self.path.strip("/").removesuffix(".git")


def place_of(location: str) -> Place:
    """Read ``https://host/path``, ``ssh://git@host/path`` or ``git@host:path``. Raises ``InvalidInput`` for any other address."""
    parts = urlsplit(location)
    if parts.scheme in {"http", "https"} and parts.hostname:
        return Place(location)
    if parts.scheme == "ssh" and parts.hostname and parts.path.strip("/"):
        return Place(location, parts.hostname, parts.username, parts.port, parts.path)
    user_and_host, colon, path = location.partition(":")
    user, at, host = user_and_host.rpartition("@")
    if colon and at and path and "//" not in location and "/" not in user_and_host and not host.startswith("-"):
        return Place(location, host, user, None, path)
    words = f"{without_secrets(location)!r} is no address of a git repository"
    raise InvalidInput(f"{words}: for example https://github.com/owner/name or git@host:owner/name", code="git_address")
