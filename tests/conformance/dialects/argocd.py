"""Argo CD Image Updater's strategies, tags and images."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from control_plane.domain.versions import argocd_images
from control_plane.domain.versions.dialects import argocd
from control_plane.domain.versions.policy import Tag
from tests.conformance.dialects.answering import Answer, Input

BY: dict[str, argocd.Strategy] = {
    "name": "alphabetical",
    "semver": "semver",
    "date": "newest-build",
    "created": "newest-build",
}


def tag_of(given: str | dict[str, Any]) -> Tag:
    """Return a tag: a text, or ``tag`` with ``digest`` and ``created`` (seconds)."""
    if isinstance(given, str):
        return Tag(name=given)
    created = given.get("created")
    at = None if created is None else datetime.fromtimestamp(created, UTC)
    return Tag(name=given["tag"], digest=given.get("digest") or "", created_at=at)


def tag_select(given: Input) -> dict[str, str | None]:
    found = argocd.select(given["strategy"], given.get("constraint") or "", map(tag_of, given["tags"]))
    return {"tag": found.name if found else None}


def tags_sort_asc(given: Input) -> list[str]:
    return [tag.name for tag in argocd.in_order(BY[given["by"]], map(tag_of, given["tags"]))]


def image_parse(given: Input) -> dict[str, str | None]:
    image = argocd_images.parse_image(given["image"])
    return {
        "registry": image.registry,
        "repository": image.name,
        "tag": image.tag,
        "digest": image.digest,
        "alias": image.alias,
    }


ARGOCD: dict[str, Answer] = {
    "tag_select": tag_select,
    "tag_ignored": lambda given: argocd.is_ignored(given["tag"], given["ignore"]),
    "strategy_traits": lambda given: msgspec.to_builtins(argocd.TRAITS[given["strategy"]]),
    "allow_tags_match": lambda given: argocd.allowed(given["allow_tags"]).matches(given["tag"]),
    "tags_sort_asc": tags_sort_asc,
    "tag_equal": lambda given: argocd.is_same(tag_of(given["a"]), tag_of(given["b"])),
    "image_parse": image_parse,
}

ANSWERS: dict[str, dict[str, Answer]] = {"argocd-image-updater": ARGOCD}
