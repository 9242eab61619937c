"""Publish one version of the notes application: its image, made from the program beside this file, and its chart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from examples import publishing

if TYPE_CHECKING:
    from examples.publishing import Publisher

HERE = Path(__file__).parent
IMAGE = "ghcr.io/tidegate/notes"
CHART = "ghcr.io/tidegate/charts/notes"


def publish(version: str, publisher: Publisher) -> None:
    """Publish the image first and the chart last: when the chart is seen, all that it names is there."""
    if not publisher.has(IMAGE, version):
        publisher.build_image(IMAGE, version, HERE / "image")
    publisher.publish_chart(CHART, HERE / "chart", version)


if __name__ == "__main__":
    options = publishing.parser(__doc__).parse_args()
    publish(options.version, publishing.publisher(options.registry))
