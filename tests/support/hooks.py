"""A small webhook of every vendor, with the proof that it knows a secret; and the real web server to send it to."""

import hashlib
import hmac
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.databases import free_port

HOOKS = "/api/webhooks"
GITHUB = {"repository": {"full_name": "acme/web", "clone_url": "https://github.com/acme/web.git"}}
PUSH = {"action": "push", "target": {"repository": "web"}, "request": {"host": "acme.azurecr.io"}}
BODIES: dict[str, Any] = {
    "github": GITHUB,
    "ghcr": {"registry_package": {"namespace": "acme", "name": "web", "package_type": "CONTAINER"}},
    "gitlab": {"project": {"path_with_namespace": "acme/web"}},
    "gitea": GITHUB,
    "forgejo": GITHUB,
    "dockerhub": {"repository": {"repo_name": "acme/web"}},
    "quay": {"docker_url": "quay.io/acme/web", "updated_tags": ["1"]},
    "harbor": {"type": "PUSH_ARTIFACT", "event_data": {"resources": [{"resource_url": "h.example.com/a/web:1"}]}},
    "jfrog": {"domain": "docker", "event_type": "pushed", "data": {"repo_key": "local", "image_name": "web"}},
    "azure": PUSH,
    "distribution": {"events": [{"action": "push", "target": {"repository": "acme/web"}}]},
    "cloudevents": {"specversion": "1.0", "id": "1", "source": "/ci", "type": "x", "data": {"repository": "acme/web"}},
    "generic": {"repository": "ghcr.io/acme/web"},
    "registry": {"repository": "ghcr.io/acme/web"},
}


def proof(vendor: str, body: bytes, secret: str) -> dict[str, str]:
    """Return the headers of an authentic call."""
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    match vendor:
        case "github" | "ghcr":
            event = "push" if vendor == "github" else "registry_package"
            return {"X-Hub-Signature-256": f"sha256={signature}", "X-GitHub-Event": event}
        case "gitea" | "forgejo":
            return {"X-Gitea-Signature": signature, "X-Gitea-Event": "push"}
        case "gitlab":
            return {"X-Gitlab-Token": secret, "X-Gitlab-Event": "Push Hook"}
        case "jfrog":
            return {"X-JFrog-Event-Auth": secret}
        case "harbor":
            return {"Authorization": secret}
        case "generic":
            return {"X-Tidegate-Signature": f"sha256={signature}"}
    return {"Authorization": f"Bearer {secret}"}


def path(vendor: str, secret: str) -> str:
    """Return the path of a vendor's webhook, with its secret where it has no other place."""
    return f"{HOOKS}/{vendor}/{secret}" if vendor in ("dockerhub", "quay") else f"{HOOKS}/{vendor}"


SERVER = """
import asyncio, sys
from control_plane.logs import configure_logs
configure_logs(level="debug", log_format="console")
from control_plane.web.asgi import application
from control_plane.web.server import serve
asyncio.run(serve(application, ["127.0.0.1"], int(sys.argv[1])))
"""


@contextmanager
def web_server(settings: Mapping[str, str], log: Path) -> Iterator[str]:
    """Run the real web server, which tells everything it can in ``log``; yield its URL. Its database must be there."""
    port = free_port()
    with log.open("wb") as told:
        program = [sys.executable, "-c", SERVER, str(port)]
        server = subprocess.Popen(program, env={**os.environ, **settings}, stdout=told, stderr=told)
    try:
        _wait_for(port, server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_for(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server did not come up: {log.read_text()}") from None
            time.sleep(0.1)
        else:
            return
