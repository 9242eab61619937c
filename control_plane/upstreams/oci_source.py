"""OCI repositories as sources: images and charts of any registry that follows the distribution specification."""

from collections.abc import Mapping

from control_plane.domain.sources import Listing, Notes, SourceSpec
from control_plane.domain.versions.policy import Tag
from control_plane.upstreams.charts import pull_chart
from control_plane.upstreams.oci import RegistryClient
from control_plane.upstreams.oci_notes import child_of, notes_of


class OciSource:
    """Reads repositories through one ``RegistryClient``, which keeps connections and tokens.

    ``application``: whose account is used, where it has one of its own.
    """

    def __init__(self, registry: RegistryClient, application: str = "") -> None:
        self._registry, self._application = registry, application

    def host(self, spec: SourceSpec) -> str:
        """See ``Source``."""
        return self._registry.host(spec.location)

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

    def notes(self, spec: SourceSpec, tag: str, digest: str, *, since: str) -> Notes | None:
        """Return what annotations (of an image: labels too) and referrers say; of an index, its first image is asked as well."""
        del tag, since
        at, application = f"{spec.location}@", self._application
        found = self._registry.detail(f"{at}{digest}", application=application)
        said, made = found.annotations, found.created_at
        if found.is_index and (
            child := child_of(self._registry.manifest(f"{at}{digest}", application=application).content)
        ):
            inner = self._registry.detail(f"{at}{child}", application=application)
            said, made = inner.annotations | said, made or inner.created_at
        return notes_of(said, made, self._registry.referrers(spec.location, digest, application=application))

    def artifact(self, spec: SourceSpec, tag: str, digest: str) -> bytes:
        """Return the packed chart that the manifest ``digest`` names. Raises ChartInvalid, NotFound, Transient, Untrusted."""
        del tag
        return pull_chart(self._registry, spec.location, digest, application=self._application)
