"""A forge on this machine: answers in pages, of the shapes in GitHub's, GitLab's and Gitea's API documentation, with ETags and 304."""

import hashlib
import json
import re
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response


class ForgeServer:
    """``items`` by path; ``token`` (where set) must come as a bearer; ``asked`` has every path with its status."""

    def __init__(self, server: HTTPServer, *, etags: bool = True, page_size: int = 2) -> None:
        self.items: dict[str, list[Any]] = {}
        self.token, self.etags, self.page_size = "", etags, page_size
        self.asked: list[tuple[str, int]] = []
        self.host = f"{server.host}:{server.port}"
        server.expect_request(re.compile("/(.*/)?api/.*")).respond_with_handler(self._answer)

    def _answer(self, request: Request) -> Response:
        response = self._respond(request)
        self.asked.append((request.full_path, response.status_code))
        return response

    def _respond(self, request: Request) -> Response:
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return Response('{"message": "401 Unauthorized"}', 401, content_type="application/json")
        path = request.environ["RAW_URI"].partition("?")[0]  # GitLab's project is one part of the path: owner%2Fname
        if path not in self.items:
            return Response('{"message": "Not Found"}', 404, content_type="application/json")
        return self._page(request, path, self.items[path])

    def _page(self, request: Request, path: str, items: list[Any]) -> Response:
        number = int(request.args.get("page", "1"))
        start = (number - 1) * self.page_size
        body = json.dumps(items[start : start + self.page_size])
        headers = {}
        if start + self.page_size < len(items):
            page = f"http://{self.host}{path}?page="
            headers["Link"] = f'<{page}1>; rel="first", <{page}{number + 1}>; rel="next"'
        etag = f'W/"{hashlib.sha256(body.encode()).hexdigest()[:16]}"'
        if self.etags:
            headers["ETag"] = etag
            if request.headers.get("If-None-Match") == etag:
                return Response(status=304, headers=headers)
        return Response(body, headers=headers, content_type="application/json")


def github_release(tag: str, **changes: Any) -> dict[str, Any]:
    """As in GitHub's documentation of "List releases"."""
    return {
        "url": f"https://api.github.com/repos/octocat/hello/releases/{tag}",
        "html_url": f"https://github.com/octocat/hello/releases/{tag}",
        "id": 1,
        "tag_name": tag,
        "target_commitish": "master",
        "name": f"Hello {tag}",
        "body": "What's new",
        "draft": False,
        "prerelease": False,
        "immutable": False,
        "created_at": "2013-02-27T19:35:32Z",
        "published_at": "2013-02-27T19:35:33Z",
        "author": {"login": "octocat", "id": 1, "type": "User"},
        "assets": [{"name": "example.zip", "state": "uploaded", "size": 1024}],
        **changes,
    }


def github_tag(name: str) -> dict[str, Any]:
    """As in GitHub's documentation of "List repository tags"."""
    return {"name": name, "commit": {"sha": "c5b97d5ae6c19d5c5df71a34c7fbeeda2479ccbc", "url": "x"}, "node_id": "MDQ="}


def gitlab_release(tag: str, **changes: Any) -> dict[str, Any]:
    """As in GitLab's documentation of "List releases"."""
    return {
        "tag_name": tag,
        "name": f"Awesome {tag}",
        "description": "## CHANGELOG\n\n- Escape label",
        "created_at": "2019-01-03T01:56:19.539Z",
        "released_at": "2019-01-03T01:56:19.539Z",
        "upcoming_release": False,
        "author": {"id": 1, "name": "Administrator", "username": "root", "state": "active"},
        "commit": {"id": "079e90101242458910cccd35eab0e211dfc359c0", "title": "Update README.md"},
        "_links": {"self": f"https://gitlab.example.com/root/app/-/releases/{tag}"},
        **changes,
    }


def gitlab_tag(name: str) -> dict[str, Any]:
    """As in GitLab's documentation of "List project repository tags"."""
    commit = {"id": "2695effb5807a22ff3d138d593fd856244e155e7", "created_at": "2017-07-26T11:08:53.000+02:00"}
    return {"commit": commit, "release": None, "name": name, "target": commit["id"], "message": None, "protected": True}


def gitea_release(tag: str, **changes: Any) -> dict[str, Any]:
    """As in Gitea's Swagger description of ``Release``."""
    return {
        "id": 3,
        "tag_name": tag,
        "target_commitish": "main",
        "name": f"Cup {tag}",
        "body": "words",
        "url": "https://codeberg.org/api/v1/repos/a/b/releases/3",
        "html_url": f"https://codeberg.org/a/b/releases/tag/{tag}",
        "draft": False,
        "prerelease": False,
        "created_at": "2023-05-01T10:00:00+02:00",
        "published_at": "2023-05-01T10:00:00+02:00",
        "author": {"id": 2, "login": "tea", "full_name": ""},
        "assets": [],
        **changes,
    }


def gitea_tag(name: str) -> dict[str, Any]:
    """As in Gitea's Swagger description of ``Tag``."""
    return {
        "name": name,
        "message": "",
        "id": "ab",
        "commit": {"sha": "ab", "created": "2023-04-01T10:00:00Z", "url": "x"},
    }
