"""GitLab's releases and tags (REST v4, ``/projects/{path}/releases`` and ``/repository/tags``)."""

from typing import Any
from urllib.parse import quote

from control_plane.domain.sources import Notes
from control_plane.upstreams.forges import Published, notes_body, text_of, time_of


class GitLab:
    """See ``forges.Forge``. GitLab has neither drafts nor a pre-release flag; what it calls upcoming is dated in the future."""

    usual_host = "gitlab.com"
    has_groups = True

    def releases_url(self, server: str, project: str) -> str:
        """See ``Forge``."""
        return f"{_project(server, project)}/releases?per_page=100"

    def tags_url(self, server: str, project: str) -> str:
        """See ``Forge``."""
        return f"{_project(server, project)}/repository/tags?per_page=100"

    def release_of(self, item: Any) -> Published | None:
        """See ``Forge``."""
        if not isinstance(item, dict):
            return None
        notes = Notes(
            title=text_of(item, "name"),
            body=notes_body(text_of(item, "description")),
            url=text_of(item, "_links", "self"),
            published_at=time_of(item, "released_at"),
            author=text_of(item, "author", "username"),
        )
        upcoming = "it is announced, but not released yet" if item.get("upcoming_release") is True else ""
        return Published(
            tag=text_of(item, "tag_name"), withheld=upcoming, created_at=time_of(item, "released_at"), notes=notes
        )

    def tag_of(self, item: Any) -> Published | None:
        """See ``Forge``."""
        if not isinstance(item, dict):
            return None
        created = time_of(item, "created_at") or time_of(item, "commit", "created_at")
        return Published(tag=text_of(item, "name"), commit=text_of(item, "commit", "id"), created_at=created)


def _project(server: str, project: str) -> str:
    return f"{server}/api/v4/projects/{quote(project, safe='')}"
