"""Flux v1's tag patterns, images and HelmRelease values."""

from datetime import UTC, datetime

from control_plane.domain.versions import flux1_images
from control_plane.domain.versions.dialects import flux1
from control_plane.domain.versions.policy import Tag
from tests.conformance.dialects.answering import Answer, Input


def pattern_filter(given: Input) -> list[str]:
    rule = flux1.parse_pattern(given["pattern"])
    return [tag.name for tag in flux1.newest_first(rule, [Tag(name=name) for name in given["tags"]])]


def image_parse(given: Input) -> dict[str, str]:
    image = flux1_images.parse_image(given["image"])
    assert str(image) == given["image"]
    return {"registry": image.registry, "repository": image.repository, "canonical": image.canonical}


def made(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def automation_changes(given: Input) -> list[str]:
    """Return what each container is updated to; ``t`` is when an image was made (none: not known)."""
    available = [(flux1_images.parse_image(one["image"]), made(one.get("t"))) for one in given["available"]]
    found = []
    for container in given["containers"]:
        image = flux1_images.parse_image(container["image"])
        name = image.with_tag("").canonical
        tags = [Tag(name=one.tag, created_at=at) for one, at in available if one.with_tag("").canonical == name]
        update = flux1.update_of(flux1.parse_pattern(container.get("pattern") or "*"), image.tag, tags)
        found += [str(image.with_tag(update.name))] if update else []
    return found


def helm_values_images(given: Input) -> dict[str, str]:
    found = flux1_images.images_of_values(given["values"], given.get("annotations") or {})
    return {name: str(image) for name, image in found.items()}


FLUX1: dict[str, Answer] = {
    "pattern_match": lambda given: flux1.parse_pattern(given["pattern"]).matches(given["tag"]),
    "pattern_filter": pattern_filter,
    "image_parse": image_parse,
    "automation_changes": automation_changes,
    "helm_values_images": helm_values_images,
}

ANSWERS: dict[str, dict[str, Answer]] = {"flux1-tagpattern-image": FLUX1}
