"""Where versions appear, and what such a place tells about them: types only. PURE."""

from datetime import datetime
from typing import Literal

import msgspec

from control_plane.domain.versions.policy import Tag

Kind = Literal["oci", "helm", "git", "github", "gitlab", "gitea", "json", "manual"]
MAX_NOTES = 64 * 1024


class SourceSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One place, the same for everybody who names it. Equal specs are looked at once.

    ``location`` is its repository, URL or (forges) ``owner/name``, with the server in front where it is not the usual one; canonical,
    without secrets. ``name``: helm, the chart's name. ``path``: git, the folder; json, the JMESPath; forges, the
    path below which the server lives. ``branch``: git, follow a
    branch's commits instead of tags.
    """

    kind: Kind
    location: str
    name: str = ""
    path: str = ""
    branch: str = ""


class Notes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the publisher says about a release. ``body`` is text as written (mostly Markdown), at most ``MAX_NOTES`` bytes."""

    title: str = ""
    body: str = ""
    url: str = ""
    published_at: datetime | None = None
    author: str = ""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Every tag that a place lists. ``memo`` is opaque: given back at the next look, it makes an unchanged place cheap."""

    tags: tuple[Tag, ...]
    memo: dict[str, str] = {}
    notes: dict[str, Notes] = {}
