"""Which images rendered manifests name, and where each stands in the text. PURE: control plane and agent look with the same eyes.

An image stands where a pod's specification stands: wherever a mapping has ``containers`` (also ``initContainers`` and
``ephemeralContainers``), each with an ``image``, and in ``volumes[].image.reference``. That holds for pods, workloads, cron jobs and
custom resources that carry a pod template; texts inside a ConfigMap are no manifests and stay as they are.

Hooks are manifests like any other. A document that is nothing but a test (``helm.sh/hook: test``) runs only when a person says
``helm test``; nothing depends on its images.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from cluster_agent.contract import yamls

CONTAINER_LISTS = frozenset({"containers", "initContainers", "ephemeralContainers"})
HOOK_ANNOTATION = "helm.sh/hook"
TEST_EVENTS = frozenset({"test", "test-success"})


class Place(NamedTuple):
    """An image reference and where its scalar stands in the text: characters from ``start`` to ``end``."""

    image: str
    start: int
    end: int


class Document(NamedTuple):
    """A manifest: where it stands in the text, its images' places in order, and whether it is nothing but a test."""

    start: int
    end: int
    places: tuple[Place, ...]
    is_test: bool


class Images(NamedTuple):
    """Image references as written: those that run, and those of tests alone."""

    running: frozenset[str]
    testing: frozenset[str] = frozenset()


def find_images(rendered: str) -> Images:
    """Return every image reference of the rendered manifests. Raises ``ValueError`` for what is no YAML."""
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for document in find_documents(rendered):
        found[document.is_test].update(place.image for place in document.places)
    return Images(frozenset(found[False]), frozenset(found[True] - found[False]))


def find_documents(rendered: str) -> list[Document]:
    """Return the manifests in order. A node that is reached again through an alias counts once."""
    return [_document(root) for root in yamls.nodes(rendered) if root is not None]


def _document(root: Any) -> Document:
    places = sorted(set(_walk(root, set())), key=lambda place: place.start)
    hook = _child(_child(_child(root, "metadata"), "annotations"), HOOK_ANNOTATION)
    events = {event.strip() for event in str(hook.value).split(",")} if hook is not None else set()
    return Document(root.start_mark.index, root.end_mark.index, tuple(places), bool(events) and events <= TEST_EVENTS)


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
