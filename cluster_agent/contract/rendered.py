"""Which images rendered manifests name, and where each stands in the text. PURE: control plane and agent look with the same eyes.

An image stands where a pod's specification stands: wherever a mapping has ``containers`` (also ``initContainers`` and
``ephemeralContainers``), each with an ``image``, and in ``volumes[].image.reference``. That holds for pods, workloads, cron jobs and
custom resources that carry a pod template; texts inside a ConfigMap are no manifests and stay as they are.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from cluster_agent.contract import yamls

CONTAINER_LISTS = frozenset({"containers", "initContainers", "ephemeralContainers"})


class Place(NamedTuple):
    """An image reference and where its scalar stands in the text: characters from ``start`` to ``end``."""

    image: str
    start: int
    end: int


def find_images(rendered: str) -> set[str]:
    """Return every image reference of the rendered manifests, as written. Raises ``ValueError`` for what is no YAML."""
    return {place.image for place in find_places(rendered)}


def find_places(rendered: str) -> list[Place]:
    """Return the places of all image references, in order. The same node reached through an alias counts once."""
    places = {place for root in yamls.nodes(rendered) if root is not None for place in _walk(root, set())}
    return sorted(places, key=lambda place: place.start)


def _walk(node: Any, seen: set[int]) -> Iterator[Place]:
    if id(node) in seen:
        return
    seen.add(id(node))
    if node.id == "sequence":
        for item in node.value:
            yield from _walk(item, seen)
    elif node.id == "mapping":
        for key, value in node.value:
            if key.value in CONTAINER_LISTS and value.id == "sequence":
                yield from _fields(value, "image")
            elif key.value == "volumes" and value.id == "sequence":
                for volume in value.value:
                    yield from _fields(_child(volume, "image"), "reference")
            yield from _walk(value, seen)


def _fields(node: Any, name: str) -> Iterator[Place]:
    """Yield the scalar ``name`` of a mapping, or of each mapping of a sequence."""
    holders = node.value if node is not None and node.id == "sequence" else [node]
    for holder in holders:
        found = _child(holder, name)
        if found is not None and found.id == "scalar" and found.value:
            yield Place(found.value.strip(), found.start_mark.index, found.end_mark.index)


def _child(node: Any, name: str) -> Any:
    if node is None or node.id != "mapping":
        return None
    return next((value for key, value in node.value if key.value == name), None)
