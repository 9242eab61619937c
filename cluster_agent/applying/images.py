"""Pinning the images of rendered manifests by digest, without touching another byte. ``contract.rendered`` finds them."""

from collections.abc import Mapping

from cluster_agent.contract.rendered import Place, find_places


def pin_images(rendered: str, digests: Mapping[str, str]) -> str:
    """Return ``rendered`` with ``@sha256:…`` added to every image that ``digests`` names; every other byte is unchanged.

    An image that already carries a digest stays. Raises ``ValueError`` for an image without either: nothing unpinned is applied.
    """
    parts, done = [], 0
    for place in find_places(rendered):
        parts += [rendered[done : place.start], _scalar(rendered, place, _pinned(place.image, digests))]
        done = place.end
    return "".join([*parts, rendered[done:]])


def _pinned(image: str, digests: Mapping[str, str]) -> str:
    if "@" in image:
        return image
    digest = digests.get(image)
    if digest is None:
        raise ValueError(
            f"image {image!r} is not pinned by the manifest: publish the release again with all its images"
        )
    return f"{image}@{digest}"


def _scalar(rendered: str, place: Place, image: str) -> str:
    written = rendered[place.start : place.end]
    quote = written[0] if written[:1] in {'"', "'"} else ""
    # A block scalar or a multi-line one is rare: replaced by a quoted one, which reads the same.
    if "\n" in written or written[:1] in {"|", ">"}:
        return f'"{image}"' + ("\n" if written.endswith("\n") else "")
    return f"{quote}{image}{quote}"
