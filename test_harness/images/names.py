"""PURE: image names, and where an image of a public name lies in our own registry."""

from __future__ import annotations

from dataclasses import dataclass

_DOCKER_HUB = "docker.io"


@dataclass(frozen=True)
class ImageName:
    """A full name: `docker.io`, `miniflux/miniflux`, `2.2.8`."""

    registry: str
    repository: str
    tag: str

    @property
    def full(self) -> str:
        """With the registry, as manifests write it."""
        return f"{self.registry}/{self.repository}:{self.tag}"

    def at(self, registry: str) -> str:
        """The name under which the registry at `HOST:PORT` holds it, which is what a containerd mirror asks for."""
        return f"{registry}/{self.repository}:{self.tag}"


def parse_image_name(name: str) -> ImageName:
    """What Docker understands by a name: `postgres:15` is `docker.io/library/postgres:15`. A digest is no tag here."""
    if "@" in name or not name:
        raise ValueError(f"{name!r}: a name with a tag is wanted here, such as docker.io/miniflux/miniflux:2.2.8")
    head, slash, rest = name.partition("/")
    has_registry = slash and ("." in head or ":" in head or head == "localhost")
    registry, path = (head, rest) if has_registry else (_DOCKER_HUB, name)
    repository, _, tag = path.partition(":")
    if registry == _DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return ImageName(registry, repository, tag or "latest")
