"""Images as Argo CD Image Updater reads them: ``alias=host/name:tag@digest``. PURE.

The name is kept as it was written: ``nginx`` does not become ``docker.io/library/nginx``. A text that is no reference by the
distribution grammar (a short digest, capitals) is still taken apart, as the Image Updater does; nothing of it is checked then.
"""

import msgspec

from control_plane.domain.versions.references import (
    DEFAULT_DOMAIN,
    InvalidReference,
    Reference,
    format_reference,
    normalise,
)


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """An image of the list to update. ``tag`` is None where neither tag nor digest is written; other absent parts are empty."""

    name: str
    registry: str = ""
    tag: str | None = None
    digest: str = ""
    alias: str = ""

    @property
    def full_name(self) -> str:
        """Return registry and name."""
        is_whole = not self.registry or self.name.startswith(f"{self.registry}/")
        return self.name if is_whole else f"{self.registry}/{self.name}"

    @property
    def tag_with_digest(self) -> str:
        """Return ``tag@digest``, with ``latest`` for a digest that has no tag."""
        return format_reference(self.tag or ("latest" if self.digest else ""), digest=self.digest)

    def is_same(self, other: "Image") -> bool:
        """Return whether both are the same image, whatever their tags, digests and aliases."""
        return (self.registry, self.name) == (other.registry, other.name)

    def __str__(self) -> str:
        text = format_reference(self.full_name, tag=self.tag or "", digest=self.digest)
        return f"{self.alias}={text}" if self.alias else text


def parse_image(text: str) -> Image:
    """Read an image as Argo CD Image Updater does: every text is one."""
    alias, equals, written = text.partition("=")
    if not equals:
        alias, written = "", text
    try:
        return _by_grammar(alias, written, normalise(written))
    except InvalidReference:
        return _taken_apart(alias, written)


def _by_grammar(alias: str, written: str, reference: Reference) -> Image:
    """Take out again what normalising put in: Docker Hub's host and ``library/``."""
    is_named = reference.domain != DEFAULT_DOMAIN or written.startswith(DEFAULT_DOMAIN)
    is_added = reference.path.startswith("library/") and "library/" not in written
    return Image(
        alias=alias,
        registry=reference.domain if is_named else "",
        name=reference.path.removeprefix("library/") if is_added else reference.path,
        tag=reference.tag if reference.tag or reference.digest else None,
        digest=reference.digest,
    )


def _taken_apart(alias: str, written: str) -> Image:
    first, slash, rest = written.partition("/")
    registry, path = (first, rest) if slash and "." in first else ("", written)
    named, at, digest = path.partition("@")
    # Before a digest a colon may be a port's: the tag is after the last one, if no slash follows it.
    name, colon, tag = named.rpartition(":") if at else named.partition(":")
    if at and (not colon or "/" in tag):
        name, tag = named, ""
    return Image(alias=alias, registry=registry, name=name, tag=tag if colon or at else None, digest=digest)
