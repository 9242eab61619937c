"""A small webhook of every vendor, with the proof that it knows a secret."""

import hashlib
import hmac
from typing import Any

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
