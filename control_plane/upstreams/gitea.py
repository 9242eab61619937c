"""Gitea's and Forgejo's releases and tags (REST v1, ``/repos/{owner}/{repo}/releases`` and ``/tags``)."""

from typing import Any

from control_plane.upstreams.forges import Published, githubs_release, text_of, time_of


class Gitea:
    """See ``forges.Forge``. Codeberg is the one that is meant where a project names no host. Pages have 50 items at most."""

    usual_host = "codeberg.org"
    has_groups = False

    def releases_url(self, server: str, project: str) -> str:
        """See ``Forge``."""
        return f"{_api(server)}/repos/{project}/releases?limit=50"

    def tags_url(self, server: str, project: str) -> str:
        """See ``Forge``."""
        return f"{_api(server)}/repos/{project}/tags?limit=50"

    def release_of(self, item: Any) -> Published | None:
        """See ``Forge``."""
        return githubs_release(item)

    def tag_of(self, item: Any) -> Published | None:
        """See ``Forge``."""
        if not isinstance(item, dict):
            return None
        return Published(
            tag=text_of(item, "name"),
            commit=text_of(item, "commit", "sha"),
            created_at=time_of(item, "commit", "created"),
        )


def _api(server: str) -> str:
    return f"{server}/api/v1"
