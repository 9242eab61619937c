"""OCI repositories as sources: images and charts of any registry that follows the distribution specification."""

from collections.abc import Mapping

from control_plane.domain.sources import Listing, SourceSpec
from control_plane.domain.versions.policy import Tag
from control_plane.upstreams.charts import pull_chart
from control_plane.upstreams.oci import RegistryClient


class OciSource:
    """Reads repositories through one ``RegistryClient``, which keeps connections and tokens.

    ``application``: whose account is used, where it has one of its own.
    """

    def __init__(self, registry: RegistryClient, application: str = "") -> None:
        self._registry, self._application = registry, application

    def listing(self, spec: SourceSpec, memo: Mapping[str, str]) -> Listing | None:
        """Return every tag, or None where they are the same as before. Raises NotFound, Transient."""
        names, made = self._registry.tags_since(spec.location, memo, application=self._application)
        if names is None:
            return None
        return Listing(tags=tuple(Tag(name=name) for name in names), memo=made)

    def detail(self, spec: SourceSpec, tag: str, *, platforms: bool) -> Tag:
        """Return a tag's digest (one HEAD); with ``platforms`` those too, and its age. Raises NotFound, Transient, Untrusted."""
        reference = f"{spec.location}:{tag}"
        if not platforms:
            return Tag(name=tag, digest=self._registry.head(reference, application=self._application))
        found = self._registry.detail(reference, application=self._application)
        return Tag(name=tag, digest=found.digest, platforms=found.platforms, created_at=found.created_at)

    def artifact(self, spec: SourceSpec, tag: str, digest: str) -> bytes:
        """Return the packed chart that the manifest ``digest`` names. Raises ChartInvalid, NotFound, Transient, Untrusted."""
        del tag
        return pull_chart(self._registry, spec.location, digest, application=self._application)
