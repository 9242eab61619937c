"""GitHub's releases and tags (REST, ``/repos/{owner}/{repo}/releases`` and ``/tags``), on github.com and on Enterprise servers."""

from typing import Any

from control_plane.upstreams.forges import Published, githubs_release, text_of


class GitHub:
    """See ``forges.Forge``."""

    usual_host = "github.com"
    has_groups = False

    def releases_url(self, server: str, project: str) -> str:
        """See ``Forge``."""
        return f"{_api(server)}/repos/{project}/releases?per_page=100"

    def tags_url(self, server: str, project: str) -> str:
        """See ``Forge``."""
        return f"{_api(server)}/repos/{project}/tags?per_page=100"

    def release_of(self, item: Any) -> Published | None:
        """See ``Forge``. Only people who may write see drafts; a draft's tag mostly does not exist yet."""
        return githubs_release(item)

    def tag_of(self, item: Any) -> Published | None:
        """See ``Forge``."""
        return (
            Published(tag=text_of(item, "name"), commit=text_of(item, "commit", "sha"))
            if isinstance(item, dict)
            else None
        )


def _api(server: str) -> str:
    """GitHub's own servers have their API on a host of its own (``acme.ghe.com``: Enterprise Cloud), others below ``/api/v3``."""
    host = server.removeprefix("https://")
    return f"https://api.{host}" if host == "github.com" or host.endswith(".ghe.com") else f"{server}/api/v3"
