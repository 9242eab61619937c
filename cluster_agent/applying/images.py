"""Pinning the images of rendered manifests by digest, without touching another byte. ``contract.rendered`` finds them."""

from collections.abc import Mapping

from cluster_agent.contract.rendered import Document, Place, find_documents


def pin_images(rendered: str, digests: Mapping[str, str]) -> str:
    """Return ``rendered`` with ``@sha256:…`` added to every image that ``digests`` names; every other byte is unchanged.

    An image that already carries a digest stays. A test whose image has neither is left out: it could not run as it was rehearsed.
    Raises ``ValueError`` for any other image without: nothing unpinned is applied.
    """
    parts, done = [], 0
    for document in find_documents(rendered):
        for start, end, text in _replacements(rendered, document, digests):
            parts += [rendered[done:start], text]
            done = end
    return "".join([*parts, rendered[done:]])


def _replacements(rendered: str, document: Document, digests: Mapping[str, str]) -> list[tuple[int, int, str]]:
    """Return what to write where: from ``start`` to ``end`` the text."""
    unknown = next((one.image for one in document.places if "@" not in one.image and one.image not in digests), None)
    if unknown is not None and document.is_test:
        return [(document.start, document.end, "")]
    if unknown is not None:
        raise ValueError(
            f"image {unknown!r} is not pinned by the manifest: publish the release again with all its images"
        )
    return [
        (place.start, place.end, _scalar(rendered, place, f"{place.image}@{digests[place.image]}"))
        for place in document.places
        if "@" not in place.image
    ]


def _scalar(rendered: str, place: Place, image: str) -> str:
    written = rendered[place.start : place.end]
    quote = written[0] if written[:1] in {'"', "'"} else ""
    # A block scalar or a multi-line one is rare: replaced by a quoted one, which reads the same.
    if "\n" in written or written[:1] in {"|", ">"}:
        return f'"{image}"' + ("\n" if written.endswith("\n") else "")
    return f"{quote}{image}{quote}"
