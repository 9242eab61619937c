"""Everything that services read of the outside, behind one object: sources of every kind, charts, the images that charts use.

Each kind of source is one implementation of ``source.Source``; which one reads a place is decided here and nowhere else. So is that no
error of theirs tells a secret (``unspoken``).
"""

from collections.abc import Callable, Mapping

from cluster_agent.contract.rendered import Images
from control_plane.domain.applications import Declaration
from control_plane.domain.errors import NotFound
from control_plane.domain.sources import Kind, Listing, Notes, SourceSpec
from control_plane.domain.versions.policy import Tag
from control_plane.upstreams.charts import Rendering, chart_rendering, merged
from control_plane.upstreams.errors import ImageMissing
from control_plane.upstreams.oci import RegistryClient
from control_plane.upstreams.source import Source
from control_plane.upstreams.unspoken import Unspoken


class Reader:
    """Reads the outside. ``helm`` is the program that renders charts.

    ``source_of`` gives the implementation of a kind that reads with an account: an application's own, or (empty) anybody's.
    ``owner_of`` says which of the two reads a place for an application.
    """

    def __init__(
        self,
        source_of: Callable[[Kind, str], Source],
        registry: RegistryClient,
        *,
        owner_of: Callable[[SourceSpec, str], str] = lambda _, application: application,
        unspoken: Unspoken | None = None,
        helm: str = "helm",
    ) -> None:
        self._source_of, self._registry, self._owner_of, self._helm = source_of, registry, owner_of, helm
        self._unspoken = unspoken or Unspoken()

    def host_of(self, spec: SourceSpec) -> str:
        """Return the host that is asked first for a place (``Source.host``). Raises InvalidInput."""
        return self._source_of(spec.kind, "").host(spec)

    def listing(self, spec: SourceSpec, account: str, memo: Mapping[str, str]) -> Listing | None:
        """Return what a place lists, or None where nothing changed since ``memo``. Raises NotFound, Transient, InvalidInput."""
        with self._unspoken.kept():
            return self._source_of(spec.kind, account).listing(spec, memo)

    def detail(self, spec: SourceSpec, account: str, tag: str, *, platforms: bool) -> Tag:
        """Return a tag with its digest. Raises NotFound, Transient, Untrusted."""
        with self._unspoken.kept():
            return self._source_of(spec.kind, account).detail(spec, tag, platforms=platforms)

    def chart(self, spec: SourceSpec, application: str, tag: str, digest: str) -> bytes:
        """Return the packed chart, every byte verified against ``digest``. Raises ChartInvalid, NotFound, Transient, Untrusted."""
        with self._unspoken.kept():
            account = self._owner_of(spec, application)
            return self._source_of(spec.kind, account).artifact(spec, tag, digest)

    def notes(self, spec: SourceSpec, account: str, tag: str, digest: str, *, since: str) -> Notes | None:
        """Return what the publisher says about a tag besides its listing, None for nothing. Raises NotFound, Transient, Untrusted."""
        with self._unspoken.kept():
            return self._source_of(spec.kind, account).notes(spec, tag, digest, since=since)

    def rendering(self, chart: bytes, declaration: Declaration) -> Rendering:
        """Return what the chart renders in clusters; its images are those of rehearsals too. Raises ``ChartInvalid``."""
        rehearsed = declaration.rehearsal.values
        laid_over = [declaration.values, *([merged(declaration.values, rehearsed)] if rehearsed else [])]
        name, namespace = declaration.name, declaration.namespace
        found = [chart_rendering(chart, one, name=name, namespace=namespace, helm=self._helm) for one in laid_over]
        running = frozenset().union(*(one.images.running for one in found))
        testing = frozenset().union(*(one.images.testing for one in found)) - running
        return Rendering(found[0].manifests, Images(running, testing))

    def image_digest(self, image: str, account: str = "") -> str:
        """Return ``sha256:…`` of an image reference. Raises ``ImageMissing`` or ``Transient``."""
        with self._unspoken.kept():
            try:
                return self._registry.head(image, application=account)
            except NotFound as error:
                raise ImageMissing(
                    f"the image {image} does not exist: {error.message}", code="image_missing"
                ) from error
