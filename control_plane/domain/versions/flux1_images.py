"""Images as Flux v1 reads them: a reference, and the images that a HelmRelease's values name. PURE.

``references`` is what Docker and Kubernetes read and what Tidegate itself believes; this one is for what people bring along from
Flux v1, whose grammar is looser: of three parts or more the first is a registry, whatever it looks like.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from control_plane.domain.versions.references import (
    DEFAULT_DOMAIN,
    LEGACY_DOMAIN,
    InvalidReference,
    checked_digest,
    format_reference,
)

RELEASE_CONTAINER = "chart-image"  # the name of the image at the top of the values
REGISTRY, REPOSITORY, TAG = "registry.fluxcd.io/", "repository.fluxcd.io/", "tag.fluxcd.io/"
_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = re.compile(rf"localhost|{_LABEL}\.{_LABEL}")  # searched for, as Flux does: localhost.localdomain is one too
_ON_HUB = frozenset({"", DEFAULT_DOMAIN, LEGACY_DOMAIN})


class Image(msgspec.Struct, frozen=True):
    """``domain/path:tag@digest`` as it was written; absent parts are empty."""

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def registry(self) -> str:
        """Return the host to ask: Docker Hub's where none is written."""
        return LEGACY_DOMAIN if self.domain in _ON_HUB else self.domain

    @property
    def repository(self) -> str:
        """Return the path at the registry: ``library/`` is put before the single name of an image on Docker Hub."""
        return f"library/{self.path}" if self.domain in _ON_HUB and "/" not in self.path else self.path

    @property
    def canonical(self) -> str:
        """Return the reference with nothing left to a default, the digest left off: by it two writings are the same image."""
        return format_reference(f"{self.registry}/{self.repository}", tag=self.tag)

    def with_tag(self, tag: str) -> "Image":
        """Return the same name with another tag; a digest, which was the old tag's, is left off."""
        return Image(self.domain, self.path, tag)

    def __str__(self) -> str:
        name = f"{self.domain}/{self.path}" if self.domain else self.path
        return format_reference(name, tag=self.tag, digest=self.digest)


def parse_image(text: str) -> Image:
    """Read an image as Flux v1 does. Raises ``InvalidReference``."""
    named, at, digest = text.partition("@")
    if not named or named.startswith("/") or named.endswith("/"):
        raise InvalidReference(f"{text[:120]!r} is no image: write name, name:tag or host/name:tag")
    domain, rest = _split_domain(named)
    path, colon, tag = rest.partition(":")
    if not path or ":" in tag or (colon and not tag):
        raise InvalidReference(f"{text[:120]!r} is no image: a name and, after one colon, a tag")
    return Image(domain, path, tag, checked_digest(digest) if at else "")


def _split_domain(text: str) -> tuple[str, str]:
    first, slash, rest = text.partition("/")
    is_domain = bool(slash) and ("/" in rest or _DOMAIN.search(first) is not None)
    return (first, rest) if is_domain else ("", text)


def images_of_values(values: Mapping[str, Any], annotations: Mapping[str, str]) -> dict[str, Image]:
    """Return the images that a HelmRelease's values name, by container: ``chart-image`` first, then in the alphabet's order.

    ``image`` (a text, or ``repository`` in a mapping) with ``registry`` and ``tag`` beside it, at the top or one level below, is an
    image. ``annotations`` (``repository.fluxcd.io/NAME: path.in.values``) name others, and go first. What cannot be read is none.
    """
    named = {name: _image_of(value) for name, value in values.items() if isinstance(value, Mapping)}
    mapped = {name: _mapped_image(values, annotations, name) for name in _mapped_names(annotations)}
    found = [(RELEASE_CONTAINER, _image_of(values)), *named.items(), *mapped.items()]  # the last of a name counts
    images = {name: image for name, image in found if image is not None}
    return dict(sorted(images.items(), key=lambda item: (item[0] != RELEASE_CONTAINER, item[0])))


def _image_of(values: Mapping[str, Any]) -> Image | None:
    image = values.get("image")
    if isinstance(image, Mapping):
        return _joined(image.get("registry"), image.get("repository"), image.get("tag"))
    return _joined(values.get("registry"), image, values.get("tag"))


def _joined(registry: object, name: object, tag: object) -> Image | None:
    """Return the image of its parts. A part that is no text is not there: a number is no tag to Flux."""
    if not isinstance(name, str):
        return None
    host = f"{registry}/" if isinstance(registry, str) else ""
    try:
        return parse_image(host + name + (f":{tag}" if isinstance(tag, str) else ""))
    except InvalidReference:
        return None


def _mapped_names(annotations: Mapping[str, str]) -> set[str]:
    return {key.removeprefix(REPOSITORY) for key in annotations if key.startswith(REPOSITORY)}


def _mapped_image(values: Mapping[str, Any], annotations: Mapping[str, str], name: str) -> Image | None:
    """Return the image whose parts are where the annotations say; None where one of them is no text."""
    paths = [annotations.get(prefix + name, "") for prefix in (REGISTRY, REPOSITORY, TAG)]
    registry, repository, tag = parts = [_at(values, path) if path else None for path in paths]
    if any(path and not isinstance(part, str) for path, part in zip(paths, parts, strict=True)):
        return None
    return _joined(registry, repository, tag)


def _at(values: Any, path: str) -> Any:
    """Return what is at a dotted path, None where nothing is."""
    for key in path.split("."):
        values = values.get(key) if isinstance(values, Mapping) else None
    return values
