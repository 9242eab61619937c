"""The one protocol of all sources. What a place does not tell is never guessed.

``NotFound`` means that the server itself said so; whatever leaves the question open (down, 5xx, 429, timeout, HTML, an answer of
another shape) is ``Transient``. A failure is never "no such tag".
"""

from collections.abc import Mapping
from typing import Protocol

from control_plane.domain.sources import Listing, Notes, SourceSpec
from control_plane.domain.versions.policy import Tag


class Source(Protocol):
    """A kind of place. Keeps no state of places: one serves every spec of its kind, with one account."""

    def host(self, spec: SourceSpec) -> str:
        """Return the host (``host:port``) that is asked first for a place; ``ssh://host`` where that is not over HTTP."""

    def listing(self, spec: SourceSpec, memo: Mapping[str, str]) -> Listing | None:
        """Return every tag, or None where nothing changed since ``memo``. Raises NotFound, Transient, InvalidInput."""

    def detail(self, spec: SourceSpec, tag: str, *, platforms: bool) -> Tag:
        """Return a tag with its digest (``sha256:…``) and what else costs a request. Raises NotFound, Transient, Untrusted."""

    def artifact(self, spec: SourceSpec, tag: str, digest: str) -> bytes:
        """Return the packed chart (.tgz) that ``digest`` names. Raises ChartInvalid, NotFound, Transient, Untrusted."""

    def notes(self, spec: SourceSpec, tag: str, digest: str, *, since: str) -> Notes | None:
        """Return what the publisher says about a tag that listings do not; ``since`` is the tag that was taken before, or empty.

        Asked once, when a release is made. None: nothing. Raises NotFound, Transient, Untrusted.
        """
