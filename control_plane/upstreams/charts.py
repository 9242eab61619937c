"""What a release is made of: its chart by digest, the images that the chart renders, and their digests."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from cluster_agent.contract.rendered import Images, find_images
from control_plane.upstreams.errors import ChartInvalid
from control_plane.upstreams.helm_template import render
from control_plane.upstreams.oci import RegistryClient

CHART_CONFIG = "application/vnd.cncf.helm.config.v1+json"
CHART_CONTENT = frozenset({"application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip"})
MAX_CHART = 10 * 1024 * 1024


def pull_chart(registry: RegistryClient, repository: str, digest: str, *, application: str = "") -> bytes:
    """Return the packed chart that the OCI manifest ``digest`` names."""
    manifest = registry.manifest(f"{repository}@{digest}", application=application).content
    config, layers = manifest.get("config"), manifest.get("layers")
    if not isinstance(layers, list) or not isinstance(config, dict) or config.get("mediaType") != CHART_CONFIG:
        raise ChartInvalid(f"{repository}@{digest} is no Helm chart", code="no_chart")
    described = (layer for layer in layers if isinstance(layer, dict))
    content = next((layer for layer in described if layer.get("mediaType") in CHART_CONTENT), None)
    if content is None:
        raise ChartInvalid(f"{repository}@{digest} is a Helm chart without its content", code="no_chart")
    return registry.blob(repository, str(content.get("digest")), limit=MAX_CHART, application=application)


class Rendering(NamedTuple):
    """The manifests that a chart renders, and the images that they name."""

    manifests: str
    images: Images


def chart_rendering(
    chart: bytes, values: Mapping[str, Any], *, name: str = "release", namespace: str = "default", helm: str = "helm"
) -> Rendering:
    """Render a chart. Raises ``ChartInvalid`` where it does not render to YAML, or ``Transient``."""
    rendered = render(chart, values, name=name, namespace=namespace, helm=helm)
    try:
        return Rendering(rendered, find_images(rendered))
    except ValueError as error:
        raise ChartInvalid(f"the chart does not render to YAML: {error}", code="chart_invalid") from error


def merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return Helm values with ``more`` laid over ``base``, mapping by mapping."""
    result = dict(base)
    for key, value in more.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(value, Mapping) and isinstance(below, Mapping) else value
    return result
