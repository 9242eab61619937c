"""OCI repositories as sources: images and charts of any registry that follows the distribution specification."""

from collections.abc import Mapping

from cluster_agent.contract import canonical_json, sha256_hex
from control_plane.domain.sources import Listing, SourceSpec
from control_plane.domain.versions.policy import Tag
from control_plane.upstreams.charts import pull_chart
from control_plane.upstreams.oci import RegistryClient


class OciSource:
    """Reads repositories through one ``RegistryClient``, which keeps connections, tokens and ETags."""

    def __init__(self, registry: RegistryClient) -> None:
        self._registry = registry

    def listing(self, spec: SourceSpec, memo: Mapping[str, str]) -> Listing | None:
        """Return every tag, or None where they are the same as before. Raises NotFound, Transient."""
        names = self._registry.tags(spec.location)
        state = sha256_hex(canonical_json(sorted(names)))
        if memo.get("tags") == state:
            return None
        return Listing(tags=tuple(Tag(name=name) for name in names), memo={"tags": state})

    def detail(self, spec: SourceSpec, tag: str, *, platforms: bool) -> Tag:
        """Return a tag's digest. Raises NotFound, Transient, Untrusted."""
        del platforms
        return Tag(name=tag, digest=self._registry.head(f"{spec.location}:{tag}"))

    def artifact(self, spec: SourceSpec, tag: str, digest: str) -> bytes:
        """Return the packed chart that the manifest ``digest`` names. Raises ChartInvalid, NotFound, Transient, Untrusted."""
        del tag
        return pull_chart(self._registry, spec.location, digest)
