"""What a release is made of: its chart by digest, the images that the chart renders, and their digests.

``UpstreamReader`` is what the services look and resolve with; it holds one ``RegistryClient``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cluster_agent.contract.rendered import find_images
from control_plane.domain.applications import Declaration
from control_plane.domain.errors import NotFound
from control_plane.upstreams.errors import ChartInvalid, ImageMissing
from control_plane.upstreams.helm_template import render
from control_plane.upstreams.oci import RegistryClient

CHART_CONFIG = "application/vnd.cncf.helm.config.v1+json"
CHART_CONTENT = frozenset({"application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip"})
MAX_CHART = 10 * 1024 * 1024


class UpstreamReader:
    """Reads tags, digests, charts and their images. ``helm`` is the program that renders."""

    def __init__(self, registry: RegistryClient, *, helm: str = "helm") -> None:
        self._registry = registry
        self._helm = helm

    def tags(self, repository: str) -> Sequence[str]:
        """Return every tag. Raises ``NotFound`` or ``Transient``."""
        return self._registry.tags(repository)

    def digest(self, repository: str, tag: str) -> str:
        """Return ``sha256:…`` of what ``tag`` names now. Raises ``NotFound`` or ``Transient``."""
        return self._registry.head(f"{repository}:{tag}")

    def chart(self, repository: str, digest: str) -> bytes:
        """Return the packed chart, every byte verified against ``digest``. Raises ChartInvalid, NotFound, Transient, Untrusted."""
        return pull_chart(self._registry, repository, digest)

    def images(self, chart: bytes, declaration: Declaration) -> Sequence[str]:
        """Return every image that the chart uses, as it writes them, in clusters and in rehearsals. Raises ``ChartInvalid``."""
        found = chart_images(
            chart, declaration.values, name=declaration.name, namespace=declaration.namespace, helm=self._helm
        )
        if declaration.rehearsal.values:
            values = merged(declaration.values, declaration.rehearsal.values)
            found |= chart_images(
                chart, values, name=declaration.name, namespace=declaration.namespace, helm=self._helm
            )
        return sorted(found)

    def image_digest(self, image: str) -> str:
        """Return ``sha256:…`` of an image reference. Raises ``ImageMissing`` or ``Transient``."""
        try:
            return self._registry.head(image)
        except NotFound as error:
            raise ImageMissing(f"the image {image} does not exist: {error.message}", code="image_missing") from error


def pull_chart(registry: RegistryClient, repository: str, digest: str) -> bytes:
    """Return the packed chart that the OCI manifest ``digest`` names."""
    manifest = registry.manifest(f"{repository}@{digest}").content
    config, layers = manifest.get("config"), manifest.get("layers")
    if not isinstance(layers, list) or not isinstance(config, dict) or config.get("mediaType") != CHART_CONFIG:
        raise ChartInvalid(f"{repository}@{digest} is no Helm chart", code="no_chart")
    described = (layer for layer in layers if isinstance(layer, dict))
    content = next((layer for layer in described if layer.get("mediaType") in CHART_CONTENT), None)
    if content is None:
        raise ChartInvalid(f"{repository}@{digest} is a Helm chart without its content", code="no_chart")
    return registry.blob(repository, str(content.get("digest")), limit=MAX_CHART)


def chart_images(
    chart: bytes, values: Mapping[str, Any], *, name: str = "release", namespace: str = "default", helm: str = "helm"
) -> frozenset[str]:
    """Return every image reference of the rendered chart. Raises ``ChartInvalid`` where it does not render, or ``Transient``."""
    rendered = render(chart, values, name=name, namespace=namespace, helm=helm)
    try:
        return frozenset(find_images(rendered))
    except ValueError as error:
        raise ChartInvalid(f"the chart does not render to YAML: {error}", code="chart_invalid") from error


def merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return Helm values with ``more`` laid over ``base``, mapping by mapping."""
    result = dict(base)
    for key, value in more.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(value, Mapping) and isinstance(below, Mapping) else value
    return result
